/** What came of "Reload Now", in one sentence. */

import { t } from "../l10n.ts";
import type { Target } from "../model/targets.ts";
import type { ReloadReport } from "../protocol.ts";
import { reportSummary } from "./words.ts";

export interface Outcome {
  readonly failed: boolean;
  readonly message: string;
}

export function reloaded(reports: readonly ReloadReport[], targets: readonly Target[]): Outcome {
  if (reports.length === 0) {
    return { failed: false, message: t("No running program is connected; nothing to reload.") };
  }
  const parts = reports.map((report) => {
    const name = targets.find((target) => target.id === report.target)?.name ?? report.target;
    return t("{0}: {1}", name, reportSummary(report));
  });
  return { failed: reports.some((report) => report.status === "failed"), message: `${parts.join("; ")}.` };
}
