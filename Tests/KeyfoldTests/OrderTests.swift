// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import LocalKMS
import Testing

@testable import keyfold

@Suite("What a command asks for")
struct OrderTests {
  @Test("project owners without options takes nobody away")
  func owners() throws {
    let shop = ProjectName(checked: "shop")
    func command(_ words: String...) throws -> OperatorCommand {
      try #require(try Keyfold.parseAsRoot(["project", "owners", "shop"] + words) as? ProjectCommands.Owners).command
    }
    #expect(try command() == .showProject(name: shop))
    #expect(try command("--owner", "a@example.org") == .setOwners(project: shop, owners: ["a@example.org"]))
    #expect(try command("--none") == .setOwners(project: shop, owners: []))
    #expect(throws: (any Error).self) { try command("--none", "--owner", "a@example.org") }
  }

  @Test("plan watch follows unless it is told not to")
  func follow() throws {
    func watch(_ words: String...) throws -> PlanCommands.Watch {
      try #require(try Keyfold.parseAsRoot(["plan", "watch", "3f2a91c0"] + words) as? PlanCommands.Watch)
    }
    #expect(try watch().follow)
    #expect(try watch("--json").follow)
    #expect(try !watch("--no-follow").follow)
  }

  @Test(
    "a failure of the local KMS says what to look at",
    arguments: [
      (LocalKMSError.Code.notFound, OperatorFailure.Code.notFound, "keyfold local-kms roles --data kms"),
      (.alreadyExists, .alreadyExists, "keyfold local-kms roles --data kms"),
      (.invalid, .invalid, "keyfold local-kms create-role --help"),
      (.listening, .failed, "keyfold local-kms create-role --help"),
      (.unreachable, .unreachable, "keyfold local-kms serve --data kms"),
    ])
  func localKMS(_ sample: (LocalKMSError.Code, OperatorFailure.Code, String)) {
    let failure = OperatorFailure(
      LocalKMSError(sample.0, "there is no role x"), folder: "kms", topic: LocalKMSCommands.CreateRole.topic,
      command: LocalKMSCommands.CreateRole.path)
    #expect(failure.code == sample.1)
    #expect(failure.why == "there is no role x")
    #expect(failure.next.contains(sample.2), "\(failure.next)")
  }

  @Test(
    "a command that is none is answered with the nearest",
    arguments: [
      ("plan wach 3f2a", "keyfold plan watch"), ("clster show orders", "keyfold cluster"), ("plan watch 3f2a", nil),
      ("local-kms fault claer", "keyfold local-kms fault clear"), ("xxxxxxxxxxxx", nil), ("--help", nil),
    ] as [(String, String?)])
  func suggestion(_ sample: (words: String, meant: String?)) {
    #expect(Keyfold.suggestion(for: sample.words.split(separator: " ").map(String.init)) == sample.meant)
  }

  @Test("a negative number is a number out of its range, not a missing one")
  func negative() {
    do {
      _ = try Keyfold.parseAsRoot(["plan", "show", "3f2a", "--timeout", "-1"])
      #expect(Bool(false), "taken")
    } catch { #expect(Keyfold.message(for: error).contains("at most 86400 seconds")) }
    #expect(throws: Never.self) {
      try Keyfold.parseAsRoot(["local-kms", "fault", "set", "clock-skew", "--value", "-600"])
    }
  }

  @Test("waits longer where a KMS is asked first, and tells an answer that is late from a lost coordinator")
  func patience() {
    let cluster = ClusterName(checked: "orders")
    #expect(OperatorCommand.tryAgain(cluster: cluster).patience == .seconds(300))
    #expect(OperatorCommand.showCluster(name: cluster).patience == .seconds(30))
    #expect(ExitStatus(.unanswered) == .unfinished && ExitStatus(.unreachable) == .unreachable)
  }

  @Test("a failure's text can't steer the terminal, and keeps its lines")
  func harmless() {
    #expect(Terminal.harmless("one\u{1B}[2J\ntwo\u{7}") == "one\\u{1b}[2J\ntwo\\u{7}")
  }

  @Test("the commands of faults name themselves whole")
  func path() { #expect(LocalKMSCommands.ClearFaults.path == "keyfold local-kms fault clear") }

  @Test("a life of an access key that can't be is refused at once", arguments: ["0", "129601"])
  func lasting(_ seconds: String) {
    #expect(throws: (any Error).self) {
      try Keyfold.parseAsRoot(["local-kms", "create-access-key", "--file", "f", "--lasting", seconds])
    }
  }
}

@Suite("The way back that cluster recover suggests")
struct RecoverySuggestionTests {
  private func member(_ name: String, obstacle: String? = nil) -> RecoveryView.Member {
    RecoveryView.Member(
      node: NodeName(checked: name), phase: "serving", obstacle: obstacle, role: nil, term: nil, lastTerm: nil,
      lastIndex: nil, commitIndex: nil, appliedIndex: nil, generation: nil, heardAt: nil, loss: "nothing known is lost")
  }

  @Test(
    "names the node that was asked about, unless nothing can be built on it",
    arguments: [
      (nil, "node-1"), ("node-2", "node-2"), ("node-3", "node-1"),
    ] as [(String?, String)])
  func suggestion(_ sample: (chosen: String?, suggested: String)) {
    let view = RecoveryView(
      cluster: ClusterName(checked: "orders"), obstacle: nil, best: NodeName(checked: "node-1"),
      members: [member("node-1"), member("node-2"), member("node-3", obstacle: "it is not heard of")], quiet: [])
    let lines = RecoveryRendering.lines(
      view, from: sample.chosen.map { NodeName(checked: $0) }, now: OperatorTime(milliseconds: 0), .plain)
    #expect(lines.last == "  keyfold cluster recover orders --from \(sample.suggested) --confirm")
  }
}
