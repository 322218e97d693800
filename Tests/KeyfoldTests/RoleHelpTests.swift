// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import Testing

@testable import keyfold

@Suite("The help of a command says which role it takes, and says what is true")
struct RoleHelpTests {
  private static let project = ProjectName(checked: "p")
  private static let cluster = ClusterName(checked: "c")
  private static let node = NodeName(checked: "n")
  private static let admin = OperatorName(checked: "o")

  /// What each command line asks for.
  private static func samples() throws -> [OperatorCommand] {
    let user = try DriverUserName("d.u")
    let settings = KMSSettings(provider: .aws, keyID: "k", region: "r", accessKeyID: "a")
    return [
      .createProject(name: project, owners: []), .listProjects, .showProject(name: project),
      .setKMS(project: project, settings: settings), .showKMS(project: project), .checkKMS(project: project),
      .removeKMS(project: project), .retireKey(keyID: "k"), .enrollNode(name: node, cluster: nil, publicKey: "k"),
      .createToken(node: node, cluster: nil, project: nil, publicKey: "k", minutes: 1), .listTokens,
      .withdrawToken(node: node),
      .listNodes(cluster: nil), .showNode(name: node), .resyncNode(name: node), .approveNode(name: node),
      .revokeNode(name: node), .createCluster(name: cluster, project: project, nodes: []), .listClusters,
      .changeCluster(name: cluster, change: ClusterChange(), present: nil, isDryRun: true), .showCluster(name: cluster),
      .startCluster(name: cluster), .shutdownCluster(name: cluster),
      .restartCluster(name: cluster), .encryptCluster(name: cluster), .decryptCluster(name: cluster),
      .addNode(cluster: cluster, node: node, deadlineMinutes: 1),
      .removeNode(cluster: cluster, node: node, abandoned: false), .stepDown(cluster: cluster),
      .recover(cluster: cluster, from: node), .tryAgain(cluster: cluster), .keysTree(cluster: cluster), .keysNeeded,
      .rotateKeys(cluster: cluster), .deferRotation(cluster: cluster), .showRotations(cluster: cluster),
      .listPlans(cluster: nil), .showPlan(id: "1"), .cancelPlan(id: "1"), .showIPList, .listAlerts,
      .setAlerts(project: project, kmsNetworkAccessDenied: true),
      .setMaintenance(project: project, change: MaintenanceChange()), .setOwners(project: project, owners: []),
      .addMember(project: project, admin: admin, role: .readOnly), .removeMember(project: project, admin: admin),
      .listMembers(project: project),
      .addAccess(project: project, range: "192.0.2.1", comment: "", hours: nil, anywhere: false),
      .removeAccess(project: project, range: "192.0.2.1"), .dropAccessList(project: project),
      .listAccess(project: project),
      .setMail(server: MailServer(host: "h", port: 1, encryption: .startTLS, user: nil, from: "f")),
      .showMail, .testMail(to: "t"), .createUser(cluster: cluster, name: user, role: .read),
      .removeUser(cluster: cluster, name: user), .setUserPassword(cluster: cluster, name: user),
      .listUsers(cluster: cluster), .addOperator(name: admin, publicKey: "k"), .removeOperator(name: admin),
      .setOperatorRole(name: admin, role: .member), .listOperators, .showCoordinator, .adopt(withoutMajority: false),
      .rebuild(isDryRun: true),
      .readAudit(after: nil, limit: 1),
    ]
  }

  /// Command lines that ask under another's name.
  private static let aliases = [
    "iplist export": "iplist show", "audit list": "audit", "audit export": "audit", "plan watch": "plan show",
    "cluster recover": "cluster recover --confirm",
  ]

  private static func leaves(_ words: [String], _ command: any ParsableCommand.Type) -> [(String, String)] {
    let below = command.configuration.subcommands.flatMap { leaves(words + [$0._commandName], $0) }
    if !below.isEmpty { return below }
    guard command is any OperatorSubcommand.Type else { return [] }
    return [(words.joined(separator: " "), command.configuration.discussion)]
  }

  @Test("for every command that asks the coordinator")
  func everyCommand() throws {
    let samples = try Self.samples()
    let leaves = Keyfold.configuration.subcommands.flatMap { Self.leaves([$0._commandName], $0) }
    #expect(leaves.count > 50)
    for (name, discussion) in leaves {
      let asked = Self.aliases[name] ?? name
      let command = try #require(samples.first { $0.commandName == asked }, "\(name) has no sample here")
      let roles = discussion.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("Role: ") }
      #expect(
        roles.count == 1 && roles.first?.hasPrefix("Role: \(command.permission.role)") == true, "\(name): \(roles)")
    }
  }
}
