// Which sections the page of a run has: those with something in them.
import { kindsOf } from "./facts.js";

/** @typedef {{id: string, title: string}} Section */

/** @param {any} run @returns {Section[]} */
export function sectionsOf(run) {
  const { own, system } = kindsOf(run.metrics);
  const { has } = run;
  return [
    { id: "metrics", title: "Metrics", is: own.length > 0 },
    { id: "params", title: "Params", is: run.params.length > 0 },
    { id: "explain", title: "Explain", is: has.explain || run.jobs_open > 0 },
    { id: "data", title: "Data & signature", is: has.data },
    { id: "artifacts", title: "Artifacts", is: run.n_artifacts > 0 },
    { id: "model", title: "Model", is: has.models },
    { id: "system", title: "System", is: system.length > 0 },
    { id: "log", title: "Log", is: has.log },
    { id: "environment", title: "Environment", is: has.environment },
    { id: "captures", title: "What was recorded", is: has.captures || run.n_errors > 0 },
    { id: "lineage", title: "Lineage", is: has.lineage },
  ]
    .filter((each) => each.is)
    .map(({ id, title }) => ({ id, title }));
}

/** The section that a key of a number jumps to. @param {Section[]} sections @param {string} key */
export function sectionOfKey(sections, key) {
  return /^[1-9]$/.test(key) ? sections[Number(key) - 1] : undefined;
}

/** @param {string} runId */
export function pathOfRun(runId) {
  return `run/${encodeURIComponent(runId)}`;
}

/** @param {string} experimentId */
export function pathOfRuns(experimentId) {
  return `?e=${encodeURIComponent(experimentId)}`;
}

/** @param {string} path of an artifact, safe in an address */
export function inAddress(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}
