// How far each speaker keeps to their stance, turn by turn: one small chart each, drawn as SVG in the page's own colours.
const W = 300, H = 74, LEFT = 8, RIGHT = 8, TOP = 10, BOTTOM = 18;

export default {
  template: `
  <div class="stances">
    <figure v-for="line in talk.lines" :style="'--culture: var(--c' + talk.people[line.speaker].slot + ')'">
      <figcaption class="small">{{ talk.people[line.speaker].name }}</figcaption>
      <svg viewBox="0 0 ${W} ${H}" role="img" :aria-label="words(line)">
        <line v-for="value in [1, 0, -1]" class="grid" x1="${LEFT}" x2="${W - RIGHT}" :y1="y(value)" :y2="y(value)"></line>
        <polyline :points="line.points.map((point) => x(point.turn) + ',' + y(point.value)).join(' ')"></polyline>
        <circle v-for="point in line.points" :cx="x(point.turn)" :cy="y(point.value)" r="4.5"><title>turn {{ point.turn }}</title></circle>
        <text x="${LEFT}" y="${H - 3}">turn 0</text><text x="${W - RIGHT}" y="${H - 3}" text-anchor="end">{{ talk.bubbles.length - 1 }}</text>
      </svg>
    </figure>
    <p class="muted small">Top: says what the stance says. Bottom: against it. Middle: the stance does not decide it.</p>
  </div>`,
  props: { talk: Object },
  methods: {
    x(turn) { return LEFT + 4 + (turn / Math.max(1, this.talk.bubbles.length - 1)) * (W - LEFT - RIGHT - 8); },
    y(value) { return TOP + ((1 - value) / 2) * (H - TOP - BOTTOM - 4); },
    words(line) {
      const name = { 1: "with", 0: "beside", "-1": "against" };
      return line.points.map((point) => `turn ${point.turn}: ${name[point.value] ?? point.value.toFixed(1)} the stance`).join(", ");
    },
  },
};
