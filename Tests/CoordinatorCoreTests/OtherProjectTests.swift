// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("What is another project's is not told beside what is one's own")
struct OtherProjectTests {
  private static let other = ProjectName(checked: "other")
  private static let ada = OperatorName(checked: "ada")
  private static let eve = OperatorName(checked: "eve")

  /// Project `shop`, owned by eve, and another, which ada may read.
  private func bench() throws -> Bench {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.createProject(Self.other, owners: [], now: now)
    }
    for (number, name) in [Self.ada, Self.eve].enumerated() {
      try bench.order { core, now throws(CoordinatorError) in
        try core.addOperator(name, publicKey: Bench.publicKey(60 + number), now: now)
      }
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(Self.eve, to: Bench.project, role: .projectOwner, now: now)
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(Self.ada, to: Self.other, role: .readOnly, now: now)
    }
    return bench
  }

  @Test("a refusal names a project's owners to its members only")
  func owners() throws {
    var bench = try bench()
    let refusal = #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.encryptCluster(name: Bench.cluster), by: Self.ada)
    }
    #expect(refusal?.message.contains("eve") == false, "\(refusal?.message ?? "")")
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(Self.ada, to: Bench.project, role: .readOnly, now: now)
    }
    let inside = #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.encryptCluster(name: Bench.cluster), by: Self.ada)
    }
    #expect(inside?.message.contains("eve (project owner)") == true, "\(inside?.message ?? "")")
  }

  @Test("the tree of keys shows the check of one's own project, though another has the same key")
  func lastCheck() throws {
    var bench = try bench()
    let version = try bench.core.settingsVersion(proposing: Bench.settings, for: Self.other)
    try bench.order { core, now throws(CoordinatorError) in
      try core.onKMSProven(
        Self.other, settings: Bench.settings, settingsVersion: version, canary: Bench.canary, now: now)
    }
    bench.verdict(.unreachable(.timeout, detail: "seen by shop alone"))
    let answer = OperatorAnswer.keysTree(bench.core.keysTree(of: nil, now: bench.now))
    guard case .keysTree(let tree) = bench.core.visible(answer, to: Self.ada) else { return }
    #expect(tree.customerKeys.count == 1 && tree.customerKeys[0].projects == [Self.other])
    #expect(!"\(tree)".contains("seen by shop alone"))
    guard case .keysTree(let own) = bench.core.visible(answer, to: Self.eve) else { return }
    #expect("\(own)".contains("seen by shop alone"))
  }
}
