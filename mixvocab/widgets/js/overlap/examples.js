/** Texts to begin with: each shows another side of cutting words. */
export const EXAMPLES = [
  ["News", "The central bank raised interest rates by half a point on Thursday, its sharpest increase in two decades."],
  [
    "Medicine",
    "Echocardiography showed hypertrophic cardiomyopathy; anticoagulants and bronchodilators were discontinued.",
  ],
  [
    "Other scripts",
    "“Tokenisierung” heißt auf Griechisch ΤΕΜΑΧΙΣΜΟΣ, 日本語では 分かち書き, in Ge'ez ቃላት, and in emoji 🧩✂️.",
  ],
  ["Code", "for (let i = 0; i < n_tokens; i++) { logits[i] = softmax(scores[i] / temperature); } // O(n)"],
  ["A request", "add the newest single by the string quartet to my sunday evening playlist"],
];
