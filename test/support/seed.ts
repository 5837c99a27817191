/** What is random in fault tests comes from here: another one in each run, or the one that ERPFUSER_TEST_SEED names. */
export const seed = Number(process.env.ERPFUSER_TEST_SEED ?? Math.floor(Math.random() * 1_000_000));
