// A talk: bubbles, whispers between them, step and play, stances over turns. Texts are text: {{ }} never parses them.
const PACE = { chars: 30, shortest: 0.6, longest: 8 }; // seconds of somebody reading along, as `transcripts replay`

export default {
  template: `
  <div class="talk">
    <div class="talk-bar" role="toolbar" aria-label="Step through the talk">
      <button type="button" class="button" @click="go(0)" title="First turn (Home)" aria-label="First turn"><i class="q-icon material-icons" aria-hidden="true">first_page</i></button>
      <button type="button" class="button" @click="go(cursor - 1)" title="Step back (left arrow or k)" aria-label="Step back"><i class="q-icon material-icons" aria-hidden="true">chevron_left</i></button>
      <button type="button" class="button primary" @click="toggle" title="Play or pause (p)"><i class="q-icon material-icons" aria-hidden="true">{{ playing ? "pause" : "play_arrow" }}</i>{{ playing ? "Pause" : "Play" }}</button>
      <button type="button" class="button" @click="go(cursor + 1)" title="Step (right arrow or j)" aria-label="Step"><i class="q-icon material-icons" aria-hidden="true">chevron_right</i></button>
      <button type="button" class="button" @click="go(last)" title="Whole talk (End)" aria-label="Whole talk"><i class="q-icon material-icons" aria-hidden="true">last_page</i></button>
      <span class="muted small" role="status">turn {{ last < 0 ? 0 : cursor + 1 }} of {{ last + 1 }}{{ talk.under_way ? ", under way" : "" }}</span>
      <span class="spring"></span>
      <label class="check"><input type="checkbox" v-model="whispers"> whispers</label>
    </div>
    <ol class="bubbles">
      <li v-for="bubble in bubbles" v-show="bubble.index <= cursor" :key="bubble.index" :id="'turn-' + bubble.index"
          :class="['turn', people[bubble.speaker].role, { current: stepping && bubble.index === cursor, shared: !bubble.own }]"
          :style="'--culture: var(--c' + people[bubble.speaker].slot + ')'">
        <p v-if="bubble.whisper && whispers" class="whisper"><i class="q-icon material-icons" aria-hidden="true">{{ bubble.private ? "hearing" : "campaign" }}</i><span><b>{{ bubble.private ? "whispered to " + people[bubble.speaker].name : "said to all" }}</b> <span dir="auto">{{ bubble.whisper }}</span></span></p>
        <p v-if="bubble.note && whispers" class="whisper"><i class="q-icon material-icons" aria-hidden="true">notes</i><span><b>protocol</b> <span dir="auto">{{ bubble.note }}</span></span></p>
        <p v-for="ask in whispers ? bubble.asks : []" class="whisper"><i class="q-icon material-icons" aria-hidden="true">help_outline</i><span><b>asked a model</b> <span dir="auto">{{ ask[0] }}</span> <b>answer</b> <span dir="auto">{{ ask[1] }}</span></span></p>
        <div class="said">
          <span class="initial" aria-hidden="true">{{ people[bubble.speaker].name.slice(0, 1) }}</span>
          <div class="bubble">
            <p class="who"><b>{{ people[bubble.speaker].name }}</b> <span class="muted">{{ people[bubble.speaker].country }}</span>
              <span class="turn-number">{{ bubble.index }}</span>
              <span v-for="flag in bubble.flags" class="pill flag">{{ flag.replace("_", " ") }}</span>
              <span v-if="bubble.edited" class="pill">edited</span>
              <button type="button" class="fork" @click="$emit('fork', bubble.index)" :aria-label="'Fork at turn ' + bubble.index" title="Fork here"><i class="q-icon material-icons" aria-hidden="true">call_split</i></button>
            </p>
            <p class="words" :dir="bubble.dir" :lang="bubble.lang"><template v-for="part in bubble.segments"><span v-if="part.opinion" role="button" tabindex="0" :class="['quote', 'quote-' + part.mark, { picked: picked === part.opinion }]" :aria-pressed="picked === part.opinion ? 'true' : 'false'" @click="pick(part.opinion)" @keydown.enter.prevent="pick(part.opinion)" @keydown.space.prevent="pick(part.opinion)">{{ part.text }}</span><span v-else>{{ part.text }}</span></template></p>
          </div>
        </div>
      </li>
    </ol>
    <p v-if="talk.under_way" class="muted" role="status">somebody is thinking …</p>
  </div>`,
  props: { talk: Object, picked: String },
  emits: ["pick", "fork"],
  data() {
    return { cursor: this.talk.bubbles.length - 1, stepping: false, playing: false, whispers: true, timer: null };
  },
  computed: {
    people() { return this.talk.people; },
    bubbles() { return this.talk.bubbles; },
    last() { return this.talk.bubbles.length - 1; },
  },
  watch: {
    // Who reads along at the end sees what is said next; who stepped back is left alone.
    last(now, before) { if (this.cursor >= before && !this.playing) this.cursor = now; },
  },
  mounted() {
    this.onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog, [role=button]")) return;
      const keys = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 };
      if (event.key in keys) this.go(this.cursor + keys[event.key]);
      else if (event.key === "Home") this.go(0);
      else if (event.key === "End") this.go(this.last);
      else if (event.key === "p") this.toggle();
      else if (event.key === "w") this.whispers = !this.whispers;
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", this.onKey);
    if (location.hash.startsWith("#turn-")) this.$nextTick(() => document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: "center" }));
  },
  unmounted() {
    window.removeEventListener("keydown", this.onKey);
    clearTimeout(this.timer);
  },
  methods: {
    go(turn) {
      this.stop();
      this.show(Math.max(0, Math.min(turn, this.last)));
    },
    show(turn) {
      this.stepping = true;
      this.cursor = turn;
      this.$nextTick(() => {
        const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
        document.getElementById("turn-" + turn)?.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
      });
    },
    toggle() {
      if (this.playing) return this.stop();
      this.playing = true;
      this.show(this.cursor >= this.last ? 0 : this.cursor + 1);
      this.wait();
    },
    stop() {
      this.playing = false;
      clearTimeout(this.timer);
    },
    wait() {
      const words = this.bubbles[this.cursor].segments.reduce((sum, part) => sum + part.text.length, 0);
      const seconds = Math.min(Math.max(words / PACE.chars, PACE.shortest), PACE.longest);
      this.timer = setTimeout(() => {
        if (this.cursor >= this.last) return this.stop();
        this.show(this.cursor + 1);
        this.wait();
      }, 1000 * seconds);
    },
    pick(opinion) { this.$emit("pick", opinion); },
  },
};
