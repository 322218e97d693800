// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import EncryptedStore
internal import KeyHierarchy
internal import KeyManagement
internal import Logging
internal import Messages
internal import Replication
internal import ReplicationCore

/// The directives that take time.
extension AgentShell {
  func perform(_ job: Job) async {
    guard !isShutDown else { return }
    switch job {
    case .open:
      await open()
      if closes.open == openingWatch { closes.open = 0 }
    case .formShard(let voters): await formShard(voters)
    case .close:
      watchClose(limit: core.isBeingLockedOut ? Self.lockOutLimit : Self.closeLimit)
      await close()
      closes.open = 0
    case .watchClose(let number, let limit): await watchClose(number, limit: limit)
    case .resync(let id, let encrypted): await resync(id, encrypted: encrypted)
    case .rebuild(let id, let order):
      await rebuild(id, order)
      closes.open = 0
    case .rotate(let id): await rotate(id)
    case .rewrap(let id, let version): await rewrap(id, settingsVersion: version)
    case .handOver(let id): await handOver(id)
    case .forceSoleVoter(let id, let lastIndex): await forceSoleVoter(id, lastIndex: lastIndex)
    case .check(let scheduled): await check(scheduled: scheduled)
    case .replaceProcessImage: replaceProcessImage()
    case .users(let request):
      await perform(request)
      userRequests.leave()
    case .prove(let request):
      await prove(request)
      proofRequests.leave()
    case .change(let id, let change): await self.change(change, id)
    case .destroyEverything: await destroyEverything()
    case .keepAuditHeads: await keepAuditHeads()
    case .keepMembership: await keepMembership()
    case .keepKeyUses: try? await workshop.run { [keyUses] in keyUses.keep() }
    case .damaged(let id, let report):
      // The member goes over to a new generation before this shell hears of it: damage of the old one is its end, and
      // damage of the new one counts from then on.
      let live = await member?.liveGeneration.id ?? opened?.id
      if id == live { perform(core.onEngineFailed(report)) }
    }
  }

  private func open() async {
    guard let id = core.generation?.id else {
      return perform(core.onOpenFailed(.other(reason: "there is no generation to open"), now: now))
    }
    do {
      var check: CheckReport?
      var keystore: Keystore?
      if directory.isEncrypted(id) {
        let startedAt = Self.wallClock
        let (opened, report) = try await openKeystore(id, startedAt: startedAt)
        keystore = opened
        check = report
      } else if core.generation?.encrypted == true {
        throw OpenStop(
          failure: .damaged(DamageReport(file: "keystore", reason: "the generation's keystore is missing")))
      }
      let keys = GenerationKeys(keystore: keystore)
      let generation = try await workshop.run { [directory, cacheBytes, events = storeEvents(of: id)] in
        do {
          return try OpenGeneration.open(id, in: directory, keys: keys, cacheBytes: cacheBytes, events: events)
        } catch {
          keys.wipe()
          throw error
        }
      }
      try await takePart(generation, check: check)
    } catch let stop as OpenStop {
      perform(core.onOpenFailed(stop.failure, now: now))
    } catch {
      perform(core.onOpenFailed(Self.failure(error), now: now))
    }
  }

  /// Unwraps the master key with one KMS call and opens the keystore under it.
  func openKeystore(_ id: GenerationID, startedAt: Int64) async throws -> (Keystore, CheckReport?) {
    let sealed: SealedKeystore
    do { sealed = try SealedKeystore.read(from: directory.keystorePath(of: id)) } catch {
      throw OpenStop(failure: .damaged(DamageReport(file: "keystore", reason: error.description)))
    }
    if let fault = sealed.misplaced(in: id) { throw OpenStop(failure: .damaged(fault)) }
    guard isReported(sealed, of: id) else { throw OpenStop(failure: .changedOnDisk) }
    return try await unseal(sealed, of: id, startedAt: startedAt)
  }

  /// Unwraps the master key of a keystore that may be opened, and opens it.
  func unseal(
    _ sealed: SealedKeystore, of id: GenerationID, startedAt: Int64
  ) async throws -> (Keystore, CheckReport?) {
    guard let keys = keys(for: sealed.wrappedMasterKey), let cluster = core.assignment?.cluster else {
      throw OpenStop(
        failure: .other(
          reason: "the coordinator has sent no KMS settings that name the key \(sealed.wrappedMasterKey.keyID)"))
    }
    do {
      let master = try await keys.unwrap(sealed.wrappedMasterKey)
      let keystore = try sealed.open(
        with: master, expecting: KeystoreIdentity(cluster: cluster, node: configuration.node, generation: id))
      return (keystore, keys.report(nil, startedAt: startedAt))
    } catch {
      if let report = keys.report(error, startedAt: startedAt) { throw OpenStop(failure: .keyCheck(report)) }
      throw OpenStop(failure: .damaged(DamageReport(file: "keystore", reason: "\(error)")))
    }
  }

  private func formShard(_ voters: [NodeName]) async {
    let id = GenerationID.random()
    do {
      let generation = try await workshop.run { [directory, cacheBytes, events = storeEvents(of: id)] in
        try directory.create(id)
        let generation = try OpenGeneration.create(
          id, in: directory, keys: GenerationKeys(keystore: nil), cacheBytes: cacheBytes, events: events)
        do {
          try ReplicaMember.found(generation, voters: voters)
          try directory.point(at: id)
        } catch {
          try? generation.close()
          throw error
        }
        return generation
      }
      core.onFormed(report(of: generation))
      try await takePart(generation, check: nil)
    } catch {
      logger.error("forming the shard failed", metadata: ["reason": "\(error)"])
      if core.generation == nil { await destroy(id) }
      perform(core.onOpenFailed(Self.failure(error), now: now))
    }
  }

  private func takePart(_ generation: OpenGeneration, check: CheckReport?) async throws {
    do {
      guard !isShutDown else { throw AgentError(.data, "the node is stopping") }
      try await workshop.run { [directory] in try directory.markServed(generation.id) }
      let member = try await ReplicaMember(
        me: configuration.node, generation: generation, held: core.assignment?.held, settings: RaftSettings(),
        seed: UInt64.random(in: .min ... .max), network: network, logger: logger,
        oplog: OplogOptions(retention: configuration.oplogRetention), measures: measures.member
      ) { [weak self] error in
        Task { await self?.onBroken(error) }  // tidy:allow free-task the engine's thread can't wait for the actor
      }
      guard !isShutDown else {
        try await member.close()
        throw AgentError(.data, "the node is stopping")
      }
      self.member = member
      if let assignment = core.assignment { member.expectVoters(Set(assignment.members.map(\.node))) }
      opened = generation
      network.attach(member)
      engine.attach(member)
    } catch {
      try? await workshop.run { try generation.close() }
      throw error
    }
    guard let report = liveGeneration() else { return }
    perform(core.onOpened(report, check: check, now: now))
  }

  func onBroken(_ error: MemberError) {
    perform(core.onEngineFailed(DamageReport(file: error.file ?? "store", reason: error.description)))
  }

  /// Ends everything for good: no job begins any more, those under way end early.
  ///
  /// An engine that can't close, because its disk has failed, must not keep the process: after `closeLimit` it ends
  /// without. What was acknowledged is on a majority's disks.
  func shutDown() async {
    isShutDown = true
    endSignings("the node is stopping")
    jobQueue.finish()
    await LastWait(limit: Self.closeLimit, logger: logger).run { await close() }
    await factory.shutdown()
  }

  func close() async {
    engine.detach(because: isShutDown ? "the node is stopping" : explanation)
    network.attach(nil)
    // What is reported from here on is what the keystore was at the end: it grew with every new database.
    if let last = liveGeneration() { core.onKeystoreChanged(last) }
    opened = nil
    if let member {
      do { try await member.close() } catch {
        logger.warning("the engine did not close cleanly", metadata: ["reason": "\(error)"])
      }
    }
    member = nil
    perform(core.onClosed(now: now))
  }

  /// From now on what is under way has so long to end.
  func watchClose(limit: Duration) {
    closes = (closes.last + 1, closes.last + 1)
    jobQueue.yield(.watchClose(number: closes.last, limit: limit))
  }

  /// The same for an opening or a close that a lock-out has overtaken; hearing of it again gives no more time.
  func watchLockOut() {
    if openingWatch != 0, closes.open == openingWatch { return }
    watchClose(limit: Self.lockOutLimit)
    openingWatch = closes.last
  }

  private func watchClose(_ number: Int, limit: Duration) async {
    guard (try? await Task.sleep(for: limit)) != nil, closes.open == number else { return }
    // A stop that was asked for meanwhile is not forgotten: a new image would not know of it.
    if isShutDown { LastWait(limit: Self.closeLimit, logger: logger).endProcess() }
    logger.critical("the engine does not close", metadata: ["limit": "\(limit)"])
    replaceProcessImage()
  }

  private func handOver(_ id: CommandID) async {
    guard let member else { return finish(id, .failed(reason: "the engine is closed")) }
    if member.status.role != .primary { return finish(id, .done) }
    if let refusal = await member.handOver() { return finish(id, .failed(reason: refusal)) }
    finish(id, .done)
  }

  private func forceSoleVoter(_ id: CommandID, lastIndex: UInt64) async {
    guard let member else { return finish(id, .failed(reason: "the engine is closed")) }
    if let refusal = await member.forceSoleVoter(lastIndex: lastIndex) { return finish(id, .failed(reason: refusal)) }
    finish(id, .done)
  }

  private func check(scheduled: Bool) async {
    guard let live = liveGeneration() ?? core.generation, live.encrypted else { return }
    let (id, startedAt) = (live.id, Self.wallClock)
    var used = keys
    do {
      let sealed = try SealedKeystore.read(from: directory.keystorePath(of: id))
      // Whoever asks for a look wants to know what holds now, also of the right to get credentials. Alone, nobody asks,
      // and a role's session could not be signed for.
      let isAsked = !scheduled && core.coordinatorConnected
      used = self.keys(for: sealed.wrappedMasterKey).map { isAsked ? $0.renewing() : $0 }
      guard let keys = used else {
        return perform(core.onUnusableSettings(startedAt: startedAt, scheduled: scheduled, now: now))
      }
      let master = try await keys.unwrap(sealed.wrappedMasterKey)
      let proof = try restartProof(of: sealed, in: id, under: master, startedAt: startedAt)
      if let report = keys.report(nil, startedAt: startedAt) {
        perform(core.onCheck(report, scheduled: scheduled, proof: proof, now: now))
      }
    } catch {
      // A generation that was superseded meanwhile says nothing.
      if let member, await member.liveGeneration.id != id { return }
      logger.warning("the KMS check failed", metadata: ["reason": "\(error)"])
      if let report = used?.report(error, startedAt: startedAt) {
        perform(core.onCheck(report, scheduled: scheduled, now: now))
      } else {
        perform(core.onCheckFault(DamageReport(file: "keystore", reason: NodeKeys.reason(error))))
      }
    }
  }

  private func replaceProcessImage() -> Never {
    ImageReplacement(logger: logger).perform(arguments: CommandLine.arguments)
  }

  func finish(_ id: CommandID, _ outcome: CommandOutcome, generation: GenerationReport? = nil) {
    progress = nil
    perform(core.onWorkFinished(id, outcome: outcome, generation: generation ?? liveGeneration(), now: now))
  }

  var cacheBytes: Int { (configuration.cacheMegabytes ?? 256) << 20 }

  func storeEvents(of id: GenerationID) -> StoreEvents {
    let logger = logger
    let jobQueue = jobQueue
    return StoreEvents(
      damage: { damage in
        let report = DamageReport(file: damage.file ?? "store", reason: damage.reason)
        logger.critical("the store is damaged", metadata: ["file": "\(report.file)", "reason": "\(report.reason)"])
        jobQueue.yield(.damaged(id, report))
      }, message: { text in logger.debug("store", metadata: ["message": "\(text)"]) })
  }

  private static func failure(_ error: any Error) -> OpenFailure {
    if let error = error as? MemberError, error.code == .damaged {
      return .damaged(DamageReport(file: error.file ?? "store", reason: error.description))
    }
    return .other(reason: "\(error)")
  }
}

/// Opening stopped at a known point.
/// Why a generation was not opened.
struct OpenStop: Error, CustomStringConvertible {
  let failure: OpenFailure

  /// What the KMS said, if it gave no key.
  var refusal: String? {
    guard case .keyCheck(let check) = failure else { return nil }
    return switch check.verdict {
    case .valid: nil
    case .revoked(let reason, let detail): "\(reason.rawValue): \(detail)"
    case .unreachable(let reason, let detail): "\(reason.rawValue): \(detail)"
    }
  }

  /// Whether the KMS could not be asked.
  var isOutage: Bool {
    if case .keyCheck(let check) = failure, case .unreachable = check.verdict { true } else { false }
  }

  var description: String {
    switch failure {
    case .keyCheck: refusal ?? "the KMS answered, and the answer could not be used"
    case .damaged(let report): "\(report.file): \(report.reason)"
    case .changedOnDisk: "the keystore was changed on the disk"
    case .other(let reason): reason
    }
  }
}
