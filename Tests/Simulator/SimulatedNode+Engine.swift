// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore
internal import Sealing

/// Opening, forming and closing, and what is asked of the KMS.
extension SimulatedNode {
  /// One call to the KMS; the answer comes later, to the same life of the process.
  func callKMS(_ key: String, _ done: @escaping (AgentProcess, Verdict) throws -> Void) {
    let verdict = world.kms.verdict(for: index, of: key, clockOffset: clockOffset, now: world.now)
    let isOutage = if case .unreachable = verdict { true } else { false }
    noteKeyUse(verdict)
    later(isOutage ? world.dice.within(100...10_000) : world.dice.within(5...600)) { try done($0, verdict) }
  }

  func open() throws {
    guard let life = process else { return }
    guard let id = life.core.generation?.id, let files = disk.files(id) else {
      return perform(
        life.core.onOpenFailed(.other(reason: "there is no generation to open"), now: monotonic(life)))
    }
    if files.isDamaged { return fail(.damaged(DamageReport(file: "store", reason: "a page is torn"))) }
    guard files.isEncrypted else {
      if life.core.generation?.encrypted == true {
        return fail(.damaged(DamageReport(file: "keystore", reason: "the generation's keystore is missing")))
      }
      return later(world.dice.within(50...1500)) { [unowned self] _ in try takePart(files, nil, check: nil) }
    }
    guard files.report == life.core.generation else { return fail(.changedOnDisk) }
    guard let used = settings(for: files) else {
      return fail(.other(reason: "the coordinator has sent no KMS settings"))
    }
    let startedAt = wallClock
    callKMS(used.key) { [unowned self] life, verdict in
      let check = SimulatedKMS.report(verdict, of: used.key, settingsVersion: used.version, at: startedAt)
      guard verdict == .valid, let contents = files.keystore else { return fail(.keyCheck(check)) }
      guard CustomerKey.isSame(contents.wrappedMasterKey.keyID, used.key) else {
        if world.profile.restores, world.nameAgain(contents.wrappedMasterKey.keyID) {
          return fail(.other(reason: "the coordinator has sent no settings of its key"))
        }
        return world.fail(
          "\(name) has no settings any more for its keystore, which is under \(contents.wrappedMasterKey.keyID)")
      }
      if let fault = OpenKeystore.fault(in: contents, expecting: identity(of: id)) {
        return world.fail("\(name): \(fault)")
      }
      later(world.dice.within(50...1500)) { [unowned self] _ in
        try takePart(files, OpenKeystore(files: files, contents: contents), check: check)
      }
    }
  }

  func identity(of id: GenerationID) -> KeystoreIdentity {
    KeystoreIdentity(cluster: SimulatedWorld.cluster, node: name, generation: id)
  }

  private func fail(_ failure: OpenFailure) {
    guard let life = process else { return }
    perform(life.core.onOpenFailed(failure, now: monotonic(life)))
  }

  private func takePart(_ files: GenerationFiles, _ keys: OpenKeystore?, check: CheckReport?) throws {
    guard let life = process, disk.files(files.id) != nil else { return }
    try step("mark a generation as served")
    files.hasServed = true
    life.member = try SimulatedMember(node: self, files: files, keys: keys, held: life.core.assignment?.held)
    life.opened = files
    if let key = files.keystore?.masterKeyID { world.checkLiveKey(key, of: self) }
    world.statistics.count("opening")
    perform(life.core.onOpened(files.report, check: check, now: monotonic(life)))
  }

  func formShard(_ voters: [NodeName]) throws {
    guard let life = process else { return }
    let id = GenerationID(checked: world.dice.uuid())
    try step("make a generation")
    let files = GenerationFiles(
      id: id, store: SimulatedDisk(SimulatedDisk.Content(baseMembership: try Membership(voters: voters))))
    disk.add(files)
    try disk.point(at: id, step)
    life.core.onFormed(files.report)
    later(world.dice.within(50...800)) { [unowned self] _ in try takePart(files, nil, check: nil) }
  }

  func close(_ life: AgentProcess) {
    if let opened = life.opened { life.core.onKeystoreChanged(opened.report) }
    life.opened = nil
    life.member?.close()
    closeWhenIdle(life.member)
  }

  private func closeWhenIdle(_ member: SimulatedMember?) {
    later(world.dice.within(5...400)) { [unowned self] life in
      life.member?.files.store.sync()
      life.member = nil
      perform(life.core.onClosed(now: monotonic(life)))
    }
  }

  func check(scheduled: Bool, _ life: AgentProcess) {
    guard let live = life.opened?.report ?? life.core.generation, live.encrypted, let files = disk.files(live.id),
      let used = settings(for: files)
    else { return }
    let startedAt = wallClock
    callKMS(used.key) { [unowned self] life, verdict in
      if let member = life.member, member.files.id != live.id { return }
      let report = SimulatedKMS.report(verdict, of: used.key, settingsVersion: used.version, at: startedAt)
      let proof = verdict == .valid && life.opened?.report == live ? live.masterKeyID : nil
      perform(
        life.core.onCheck(
          report, scheduled: scheduled,
          proof: proof.map {
            RestartProof(masterKeyID: $0, keystoreVersion: live.keystoreVersion, provenAtMilliseconds: startedAt)
          }, now: monotonic(life)))
    }
  }

  // MARK: Database keys

  /// The key of a database is on disk before anything is written under it.
  func needKey(ofDatabase database: Int, _ keys: OpenKeystore?) throws {
    guard let keys else { return }
    let scope = OpenKeystore.scope(of: database)
    if keys.contents.current[scope] == nil {
      try keys.addKeys([try KeyID(scope.keyIDPrefix + "." + world.dice.uuid())], step)
    }
    if let id = keys.contents.current[scope] { try use(id, keys.files) }
  }

  func use(_ id: KeyID, _ files: GenerationFiles) throws {
    guard !files.usedKeys.contains(id) else { return }
    guard let stored = files.keystore, stored.entries.contains(where: { $0.id == id }) else {
      throw BrokenPromise(sentence: "\(name) encrypts with key \(id), which its keystore does not hold")
    }
    files.usedKeys.insert(id)
  }

  // MARK: Master keys

  /// A fresh master key, wrapped, then unwrapped and compared; nil if the KMS did not do it.
  func makeMasterKey(_ done: @escaping (AgentProcess, FreshKey?) throws -> Void) {
    guard let used = process.flatMap({ settingsInForce($0) }) else { return later(0) { try done($0, nil) } }
    callKMS(used.key) { [unowned self] life, wrapping in
      guard wrapping == .valid else { return try done(life, nil) }
      callKMS(used.key) { [unowned self] life, unwrapping in
        // What was wrapped under settings that were replaced meanwhile is dropped.
        guard unwrapping == .valid, isInForce(used, life) else { return try done(life, nil) }
        var bytes: [UInt8] = []
        while bytes.count < KeyCheckValue.byteCount { bytes.append(UInt8(truncatingIfNeeded: world.dice.next())) }
        guard let check = KeyCheckValue(bytes: bytes) else { return try done(life, nil) }
        var wrapped = SimulatedKMS.canary(under: used.key)
        wrapped.createdAtMilliseconds = wallClock
        try done(life, FreshKey(id: MasterKeyID(checked: world.dice.uuid()), check: check, wrapped: wrapped))
      }
    }
  }

  func rotate(_ command: CommandID) {
    guard let life = process, let keys = life.member?.keys, settingsInForce(life) != nil else {
      return finish(command, .failed(reason: "the node has no keystore or no KMS settings"))
    }
    life.stage = "rotating"
    makeMasterKey { [unowned self] life, fresh in
      guard let fresh else { return finish(command, .failed(reason: "the KMS does not answer")) }
      guard life.opened === keys.files else { return finish(command, .failed(reason: "the engine was closed")) }
      // Told by the disk after a crash: what was renamed and not synced may be there or not.
      rotationUnderWay = fresh.id
      guard
        try keys.rewrap(
          under: fresh.id, check: fresh.check, wrapped: fresh.wrapped, expecting: keys.contents.version, step)
      else { return finish(command, .failed(reason: "the keystore has changed")) }
      rotationUnderWay = nil
      world.checkNewKey(fresh.id, of: self)
      rotations += 1
      world.statistics.count("rotation")
      finish(command, .done)
    }
  }
}

/// A master key that only has a name.
struct FreshKey {
  var id: MasterKeyID
  var check: KeyCheckValue
  var wrapped: WrappedMasterKey
}
