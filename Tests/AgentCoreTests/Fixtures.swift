// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

@testable import AgentCore

/// An agent core with its clock, driven by hand.
struct Life {
  static let node = NodeName(checked: "node-1")
  static let generation = GenerationID(checked: "11111111-1111-4111-8111-111111111111")
  static let masterKey = MasterKeyID(checked: "22222222-2222-4222-8222-222222222222")
  static let epoch = Epoch(number: 3, incarnation: 77)

  var core: AgentCore
  var now: Milliseconds = 0

  init(encrypted: Bool? = true, seed: UInt64 = 1) {
    core = AgentCore(
      node: Self.node, boot: .random(), generation: encrypted.map { Self.report(encrypted: $0) }, timing: AgentTiming(),
      seed: seed)
  }

  static func report(encrypted: Bool, id: GenerationID = generation, masterKey: MasterKeyID = masterKey)
    -> GenerationReport
  {
    encrypted
      ? GenerationReport(
        id: id, encrypted: true, keystoreVersion: 1, masterKeyID: masterKey, masterKeyCheckValue: "aa",
        customerKeyID: "arn", masterKeyCreatedAtMilliseconds: 1)
      : GenerationReport(id: id, encrypted: false)
  }

  static func assignment(
    version: UInt64 = 1, running: Bool = true, disabled: String? = nil, settings: UInt64 = 1,
    refused: String? = nil
  ) -> NodeAssignment {
    NodeAssignment(
      version: version, project: ProjectName(checked: "p"), cluster: ClusterName(checked: "c"), members: [],
      kms: refused == nil ? KMSSettings(provider: .aws, keyID: "arn", region: "r", accessKeyID: "a") : nil,
      settingsVersion: settings, running: running, disabledReason: disabled, notApprovedReason: refused)
  }

  static func check(_ verdict: Verdict, at time: Int64 = 1, settings: UInt64 = 1) -> CheckReport {
    CheckReport(verdict: verdict, customerKeyID: "arn", settingsVersion: settings, startedAtMilliseconds: time)
  }

  /// A life that serves.
  static func serving(encrypted: Bool = true) -> Life {
    var life = Life(encrypted: encrypted)
    _ = life.core.onAssignment(assignment(), now: 0)
    _ = life.core.onOpened(report(encrypted: encrypted), check: nil, now: 0)
    return life
  }

  mutating func command(_ action: NodeAction, id: CommandID = .random(), epoch: Epoch = Life.epoch) -> [AgentDirective]
  {
    core.onCommand(NodeCommand(id: id, plan: nil, action: action), epoch: epoch, now: now)
  }
}

extension [AgentDirective] {
  var outcome: CommandOutcome? {
    for case .reply(let result) in self { return result.outcome }
    return nil
  }
}
