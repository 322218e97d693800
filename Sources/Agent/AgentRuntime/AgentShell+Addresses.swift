// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import DocumentServer
internal import Logging
internal import Replication

/// Who may connect to the node, by address.
extension AgentShell {
  /// Takes a newer IP list and says so.
  func take(_ list: IPList) {
    guard list.version > ipList.list.version else { return }
    ipList = (list, .now)
    enforceAddresses()
    noteMembership()
    report()
  }

  /// Holds both ports to what the list says now; called every tick too, because entries end by themselves, whether the
  /// coordinator is heard or not.
  func enforceAddresses() {
    let rules = currentAddressRules
    guard rules != addressRules else { return }
    addressRules = rules
    drivers?.server.admitOnly(rules.drivers)
    network.admitOnly(rules.members)
    logger.info(
      "who may connect changed",
      metadata: [
        "ipList": "\(ipList.list.version)", "drivers": "\(Self.text(of: rules.drivers))",
        "members": "\(Self.text(of: rules.members))",
      ])
  }

  private var currentAddressRules: NodeAddressRules {
    guard ipList.list.version > 0, let assignment = core.assignment else { return .unknown }
    return NodeAddressRules(
      list: ipList.list, project: assignment.project, cluster: assignment.cluster,
      passed: ContinuousClock.now - ipList.at)
  }

  private static func text(of rule: AddressRule) -> String {
    rule.ranges.map { "localhost and \($0.count) ranges" } ?? "anyone"
  }
}
