// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import Logging
internal import Replication

/// A generation that a copy has filled in part, and what for: the same plan goes on with it.
struct PartialGeneration: Sendable {
  /// How long a copy that failed is kept for its plan to ask again, which it does within minutes: a plan that was given
  /// up never does.
  static let keep = Duration.seconds(600)

  let id: GenerationID
  /// The plan, and under which customer key the generation is.
  let purpose: String
  /// Whether an earlier attempt has made it.
  var isResumed = true
  private let since = ContinuousClock.now

  init(id: GenerationID, purpose: String, isResumed: Bool = true) {
    self.id = id
    self.purpose = purpose
    self.isResumed = isResumed
  }

  var isStale: Bool { ContinuousClock.now - since > Self.keep }
}

extension AgentShell {
  /// Where the copy of the present command goes: on with what an earlier attempt of the same plan left, else a new one.
  func copyTarget(encrypted: Bool) async -> PartialGeneration {
    progressStartedAt = Self.wallClock
    progress = CopyProgress(stage: "making keys")
    let purpose = "\(core.runningPlan?.text ?? "none") \(encrypted ? purposeOfKey : "plain")"
    if let partial {
      if partial.purpose == purpose, core.runningPlan != nil { return partial }
      await giveUp(partial)
    }
    return PartialGeneration(id: .random(), purpose: purpose, isResumed: false)
  }

  private var purposeOfKey: String { "under \(keys?.customerKeyID ?? "none")" }

  /// Whether a copy was begun under a customer key that was replaced meanwhile: nothing would go on with it.
  func isUnderFormerKey(_ partial: PartialGeneration) -> Bool {
    keys != nil && partial.purpose.contains(" under ") && !partial.purpose.hasSuffix(purposeOfKey)
  }

  /// Opens what there is, or makes a new generation under new keys.
  func openTarget(_ target: PartialGeneration, encrypted: Bool) async throws -> OpenGeneration {
    guard target.isResumed else {
      let fresh = try await makeGeneration(target.id, encrypted: encrypted)
      let mark = try proof.mark(target.id, purpose: target.purpose, master: fresh.keys.keystore?.wrappedMasterKey)
      try directory.markPartial(target.id, mark)
      return fresh
    }
    logger.notice("going on with a copy", metadata: ["generation": "\(target.id)"])
    let keystore = encrypted ? try await openKeystore(of: target) : nil
    let keys = GenerationKeys(keystore: keystore)
    return try await workshop.run { [directory, cacheBytes, events = storeEvents(of: target.id)] in
      do {
        return try OpenGeneration.open(target.id, in: directory, keys: keys, cacheBytes: cacheBytes, events: events)
      } catch {
        keys.wipe()
        throw error
      }
    }
  }

  /// Opens the keystore of a copy that was interrupted if it is the one this node made for it.
  private func openKeystore(of target: PartialGeneration) async throws -> Keystore {
    let sealed = try SealedKeystore.read(from: directory.keystorePath(of: target.id))
    let mark = directory.partialMark(of: target.id)
    guard
      try proof.isSound(mark, target.id, purpose: target.purpose, master: sealed.wrappedMasterKey),
      sealed.misplaced(in: target.id) == nil
    else {
      throw AgentError(.keys, "the keys of the interrupted copy are not those this node made; it is begun anew")
    }
    return try await unseal(sealed, of: target.id, startedAt: Self.wallClock).0
  }

  /// After a failure: what only a source, an outage of the KMS or the node's end interrupted is kept to go on with;
  /// anything else is destroyed, keys first.
  func settle(_ target: PartialGeneration, _ error: any Error) async {
    let kept = PartialGeneration(id: target.id, purpose: target.purpose)
    let isPassing = (error as? MemberError)?.code == .syncFailed || (error as? OpenStop)?.isOutage == true
    let isWanted = core.assignment?.running == true && core.assignment?.disabledReason == nil
    guard isShutDown || (isPassing && isWanted) else { return await giveUp(kept) }
    partial = kept
  }

  func giveUp(_ target: PartialGeneration) async {
    if partial?.id == target.id { partial = nil }
    await destroy(target.id)
  }
}
