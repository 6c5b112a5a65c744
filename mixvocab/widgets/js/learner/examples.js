/** Words to begin with, and how many pieces to learn from them. */

const PAGE = `The station stood where the railway crossed the river. Every morning the stationmaster opened the windows,
lighted the lamps, swept the platform and waited for the travellers: farmers carrying baskets, teachers reading
newspapers, children running, shouting, laughing, always late. Trains were announced by bells, and the ringing of the
bells was heard as far as the mill. In winter the waiting room was crowded and the windows were clouded; in summer the
doors stood open, and the travellers, talking and walking, waited on the platform under the lime trees. Nobody
travelled far. The farmers travelled to the market, the teachers to the schools of the neighbouring villages, the
children to the schools in the town, and in the evening the same trains carried the same travellers home again, the
farmers with empty baskets, the teachers with corrected papers, the children still running, still shouting, still
laughing.`.replaceAll("\n", " ");

export const EXAMPLES = [
  ["Four words", "low:5 lower:2 newest:6 widest:3", 6],
  ["A family", "nation:9 national:7 nations:5 nationality:2 rational:4 rationale:2 relation:6 ration:1 station:5", 5],
  ["A page of prose", PAGE, 10],
];
