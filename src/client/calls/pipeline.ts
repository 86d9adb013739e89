/** The result of one command of a pipeline or a transaction. */
export type PipelineResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** How a promise settled, as a value. */
export async function toResult(reply: Promise<unknown>): Promise<PipelineResult> {
  try {
    return { ok: true, value: await reply };
  } catch (error) {
    return { ok: false, error: error as Error };
  }
}
