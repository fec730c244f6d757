// How far each speaker keeps to their stance, turn by turn: one small chart each, drawn as SVG in the page's own colours.
const W = 300, H = 74, LEFT = 8, RIGHT = 8, TOP = 10, BOTTOM = 18;

export default {
  template: `
  <div class="stances">
    <figure v-for="(lines, speaker) in speakers" :style="'--culture: var(--c' + talk.people[speaker].slot + ')'">
      <figcaption class="small">{{ talk.people[speaker].name }}</figcaption>
      <svg viewBox="0 0 ${W} ${H}" role="img" :aria-label="words(lines)">
        <line v-for="value in [1, 0, -1]" class="grid" x1="${LEFT}" x2="${W - RIGHT}" :y1="y(value)" :y2="y(value)"></line>
        <g v-for="line in lines" :class="'meter-' + line.meter">
          <polyline :points="line.points.map((point) => x(point.turn) + ',' + y(point.value)).join(' ')"></polyline>
          <circle v-for="point in line.points" :cx="x(point.turn)" :cy="y(point.value)" :r="line.meter === 'opinions' ? 4.5 : 2"><title>turn {{ point.turn }}, {{ line.meter }}</title></circle>
        </g>
        <text x="${LEFT}" y="${H - 3}">turn 0</text><text x="${W - RIGHT}" y="${H - 3}" text-anchor="end">{{ talk.last }}</text>
      </svg>
    </figure>
    <p class="muted small">Top: says what the stance says. Bottom: against it. Middle: the stance does not decide it.<span v-if="metered"> Lines of bench dialogue: told whole, near dashed, heard dotted.</span></p>
  </div>`,
  props: { talk: Object },
  computed: {
    speakers() { return this.talk.lines.reduce((all, line) => ({ ...all, [line.speaker]: [...(all[line.speaker] ?? []), line] }), {}); },
    metered() { return this.talk.lines.some((line) => line.meter !== "opinions"); },
  },
  methods: {
    x(turn) { return LEFT + 4 + (turn / Math.max(1, this.talk.last)) * (W - LEFT - RIGHT - 8); },
    y(value) { return TOP + ((1 - value) / 2) * (H - TOP - BOTTOM - 4); },
    words(lines) {
      const name = { 1: "with", 0: "beside", "-1": "against" };
      const of = (line) => line.points.map((point) => `turn ${point.turn}: ${name[point.value] ?? point.value.toFixed(1)} the stance`).join(", ");
      return lines.map((line) => `${line.meter}: ${of(line)}`).join("; ");
    },
  },
};
