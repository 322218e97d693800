// SPDX-License-Identifier: GPL-3.0-or-later
internal import ReplicationCore

/// Building the generation of a node whose own is lost or damaged: there is no live member beside it.
///
/// The order of durable steps (design, section 8): copy; checkpoint; oplog base, and the mark that the member lost what
/// it had acknowledged; checkpoint; close, which makes the files final; point `CURRENT` at it; destroy what was there
/// before, keystore first. The member then opens it like any other, catches up from the primary's oplog, and votes only
/// once it holds an entry of a primary that was elected without it.
public enum GenerationRebuild {
  /// Fills `fresh`, an empty generation or one that an earlier attempt left, and closes it; `CURRENT` names it on
  /// return. On an error it is closed and nothing names it; the caller goes on with it later, or destroys it.
  public static func run(
    into fresh: OpenGeneration, from sources: CopySources, lostTerm: UInt64, pace: CopyPace = CopyPace(),
    measures: MemberMeasures = MemberMeasures(),
    isCancelled: @escaping @Sendable () async -> Bool, progress: @escaping @Sendable (CopyProgress) -> Void
  ) async throws(MemberError) {
    do {
      try await fill(fresh, from: sources, lostTerm: lostTerm, pace, measures, isCancelled, progress)
    } catch {
      try? fresh.close()
      throw MemberError.carrying(error)
    }
    try fresh.close()
    try fresh.directory.markServed(fresh.id)
    try fresh.directory.point(at: fresh.id)
  }

  private static func fill(
    _ fresh: OpenGeneration, from sources: CopySources, lostTerm: UInt64, _ pace: CopyPace, _ measures: MemberMeasures,
    _ isCancelled: @escaping @Sendable () async -> Bool, _ report: @escaping @Sendable (CopyProgress) -> Void
  ) async throws {
    let builder = try await GenerationBuilder(fresh, measures: measures)
    do {
      let run = CopyRun(from: sources, to: builder, pace: pace, isCancelled: isCancelled, report: report)
      try await builder.found(try await run.run(), lostTerm: lostTerm)
      try await builder.checkpoint()
    } catch {
      await builder.close()
      throw error
    }
    await builder.close()
  }
}
