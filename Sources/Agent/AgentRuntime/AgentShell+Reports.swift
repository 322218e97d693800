// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import DaemonRuntime
internal import DocumentServer
internal import KeyHierarchy
internal import Messages
internal import Replication
internal import Sealing
internal import Transport

/// What the node says of itself.
extension AgentShell {
  func report() {
    watchKeystore()
    logPhase()
    send(.heartbeat(nodeReport()))
    reportKeys()
    reportKeyUses()
  }

  func nodeReport() -> NodeReport {
    var report = NodeReport(
      node: configuration.node, boot: core.boot, agentVersion: KeyfoldVersion.text, phase: core.phase)
    report.driverAddress = driverAddress
    report.replicationAddress = replicationAddress
    report.generation = liveGeneration() ?? core.generation
    report.supersededGenerations = leftovers.count(in: directory, beside: report.generation?.id)
    report.otherGenerations = otherGenerations(than: report.generation?.id)
    report.replication = member?.status.report
    report.work = workReport()
    report.assignmentVersion = core.assignment?.version ?? 0
    report.ipListVersion = ipList.list.version
    report.outboundAddresses = configuration.outboundAddresses ?? configuration.kmsSourceAddress.map { [$0] }
    report.replicationSource = configuration.replication?.sourceAddress
    report.membership = memo?.membership
    report.lastCheck = core.lastCheck
    report.damage = core.damage
    report.scrub = scrubReport
    report.disk = disk
    report.clockMilliseconds = Self.wallClock
    report.restartProof = core.restartProof
    report.kmsRefusal = kmsRefusal
    report.slotWanted = core.slotWanted
    report.driverPort = drivers.map { drivers in
      let authentication = drivers.server.authentication
      return DriverPortReport(
        tls: drivers.tls, authentication: authentication,
        waiting: isDriverPortBound ? nil : Self.waiting(for: authentication))
    }
    return report
  }

  /// Why the drivers' port is not bound.
  private static func waiting(for authentication: DriverAuthentication) -> String {
    switch authentication {
    case .on: "being bound"
    case .off: "not bound before there is a user: keyfold user create"
    case .unknown: "not bound: whether there is a user shows once the data is open"
    }
  }

  /// Sends the list of keys whenever the keystore has changed since it was sent last.
  func reportKeys() {
    guard let link, link.isConnected, let keystore, keystore.version != reportedKeystoreVersion,
      let generation = keystore.identity?.generation
    else { return }
    let version = keystore.version
    let keys = keystore.keys.map { KeyReport(id: $0.id, createdAtMilliseconds: $0.createdAtMilliseconds) }
    for part in KeysReport.parts(generation: generation, keystoreVersion: version, keys: keys) {
      send(.keysReport(part))
    }
    reportedKeystoreVersion = version
  }

  func liveGeneration() -> GenerationReport? {
    opened.map { report(of: $0) }
  }

  static func report(
    _ id: GenerationID, version: UInt64, master: MasterKeyID?, check: String?, wrapped: WrappedMasterKey?
  ) -> GenerationReport {
    GenerationReport(
      id: id, encrypted: true, keystoreVersion: version, masterKeyID: master, masterKeyCheckValue: check,
      customerKeyID: wrapped?.keyID, masterKeyCreatedAtMilliseconds: wrapped?.createdAtMilliseconds ?? 0)
  }

  /// What a generation that was just live is, also after its keys were wiped.
  func report(of generation: OpenGeneration) -> GenerationReport {
    guard let keystore = generation.keys.keystore else { return GenerationReport(id: generation.id, encrypted: false) }
    guard let identifier = keystore.masterKeyID else {
      return DiskState.report(of: generation.id, in: directory, logger: logger)
    }
    return Self.report(
      generation.id, version: keystore.version, master: identifier, check: keystore.masterKeyCheckValue?.text,
      wrapped: keystore.wrappedMasterKey)
  }

  var keystore: Keystore? { opened?.keys.keystore }

  private func workReport() -> WorkReport? {
    guard let command = core.runningWork, let progress else { return nil }
    return WorkReport(
      command: command, stage: progress.stage, documentsDone: progress.documents,
      documentsTotal: progress.documentsTotal, bytesDone: progress.bytes, startedAtMilliseconds: progressStartedAt,
      bytesTotal: progress.bytesTotal, remark: progress.remark, documentsBefore: progress.documentsBefore,
      bytesBefore: progress.bytesBefore)
  }
}
