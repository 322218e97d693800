// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import keyfold

private let now = OperatorTime(milliseconds: 1_000_000_000)
private func minutesAgo(_ minutes: Int64) -> OperatorTime {
  OperatorTime(milliseconds: now.milliseconds - minutes * 60_000)
}
private let orders = ClusterName(checked: "orders")

private func masterKey(_ node: String, keys: [String]) throws -> MasterKeyView {
  MasterKeyView(
    id: try MasterKeyID("11111111-2222-3333-4444-555555555555"), cluster: orders, node: NodeName(checked: node),
    createdAt: minutesAgo(12), checkValue: "00112233445566778899aabbccddeeff", keystoreVersion: 3, state: "in use",
    keys: try keys.map {
      KeyView(
        KeyReport(
          id: try KeyID("\($0).aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"), createdAtMilliseconds: minutesAgo(3).milliseconds
        ))
    })
}

private func tree() throws -> KeysTreeView {
  KeysTreeView(
    customerKeys: [
      CustomerKeyView(
        keyID: "arn:aws:kms:eu-central-1:111122223333:key/k1", provider: .aws, projects: [ProjectName(checked: "shop")],
        lastCheck: CheckView(.valid, startedAtMilliseconds: minutesAgo(2).milliseconds),
        masterKeys: [
          try masterKey("node-a", keys: ["$system", "$oplog", "countries"]), try masterKey("node-b", keys: []),
        ])
    ],
    plainNodes: [PlainNodeView(cluster: orders, node: NodeName(checked: "node-c"), reason: "not encrypted")],
    drawnAt: now)
}

@Suite("The tree of keys is a picture in text")
struct KeysTreeRenderingTests {
  @Test("draws customer's key, master keys, database keys, and nodes under no key")
  func golden() throws {
    let lines = KeysTreeRendering.lines(try tree(), keysShown: 25, .plain)
    #expect(
      lines.joined(separator: "\n") == """
        CMK arn:aws:kms:eu-central-1:111122223333:key/k1
            aws, project shop, valid, checked 2 min ago
        ├─ node-a (orders)  master key 11111111, 12 min old, in use, keystore version 3, check value 001122334455
        │  ├─ system     aaaaaaaa  3 min old
        │  ├─ oplog      aaaaaaaa  3 min old
        │  └─ countries  aaaaaaaa  3 min old
        └─ node-b (orders)  master key 11111111, 12 min old, in use, keystore version 3, check value 001122334455

        under no key
        └─ node-c (orders)  not encrypted
        """)
  }

  @Test("says how many keys it left out")
  func limit() throws {
    let lines = KeysTreeRendering.lines(try tree(), keysShown: 1, .plain)
    #expect(lines.contains("│  └─ and 2 more (--all draws them)"))
  }

  @Test("says that there is nothing")
  func empty() {
    let view = KeysTreeView(customerKeys: [], plainNodes: [], drawnAt: now)
    #expect(KeysTreeRendering.lines(view, keysShown: 25, .plain) == ["There is no key and no node yet."])
  }
}

@Suite("A node is shown with where drivers connect")
struct NodeRenderingTests {
  @Test("and, as long as the port is not bound, with why")
  func unbound() {
    func lines(waiting: String?) -> (row: String, facts: String) {
      var report = NodeReport(node: NodeName(checked: "node-a"), boot: .random(), agentVersion: "1", phase: .serving)
      report.driverAddress = "192.0.2.7:27117"
      report.driverPort = DriverPortReport(tls: .required, authentication: .off, waiting: waiting)
      let node = NodeView(
        name: report.node, cluster: orders, publicKey: "", enrolledAt: nil, connected: true, lastHeardAt: now,
        report: report, nowMilliseconds: now.milliseconds)
      return (
        NodeRendering.list([node], now: now, .plain).joined(separator: "\n"),
        NodeRendering.facts(node, now: now, .plain).joined(separator: "\n")
      )
    }
    let (bound, waiting) = (lines(waiting: nil), lines(waiting: "not bound before there is a user"))
    #expect(bound.row.contains("192.0.2.7:27117 ") && !bound.row.contains("not bound"))
    #expect(bound.facts.contains("192.0.2.7:27117") && !bound.facts.contains("not bound"))
    #expect(waiting.row.contains("192.0.2.7:27117, not bound"))
    #expect(waiting.facts.contains("192.0.2.7:27117") && waiting.facts.contains("not bound before there is a user"))
  }
}

private func plan(_ state: PlanView.State, reason: String? = nil) throws -> PlanView {
  let work = WorkReport(
    command: .random(), stage: "copying", documentsDone: 61_234, documentsTotal: 117_659, bytesDone: 17_448_000,
    startedAtMilliseconds: now.milliseconds - 14_540)
  return PlanView(
    id: try PlanID("3f2a91c0-0000-0000-0000-000000000000"), kind: "encrypt", cluster: orders, state: state,
    waitingReason: reason, createdAt: minutesAgo(1), finishedAt: nil,
    steps: [
      PlanStepView(
        title: "re-sync into an encrypted generation", node: NodeName(checked: "node-b"), state: .done, detail: "",
        startedAt: minutesAgo(1), finishedAt: OperatorTime(milliseconds: minutesAgo(1).milliseconds + 12_000),
        progress: nil),
      PlanStepView(
        title: "re-sync into an encrypted generation", node: NodeName(checked: "node-c"), state: .running, detail: "",
        startedAt: OperatorTime(milliseconds: now.milliseconds - 14_540), finishedAt: nil,
        progress: ProgressView(work, nowMilliseconds: now.milliseconds)),
      PlanStepView(
        title: "hand over", node: NodeName(checked: "primary"), state: .pending, detail: "", startedAt: nil,
        finishedAt: nil, progress: nil),
    ])
}

@Suite("A plan is shown with bar, rates and the time left")
struct PlanRenderingTests {
  @Test("draws a running plan")
  func running() throws {
    #expect(
      PlanRendering.lines(try plan(.running), now: now, .plain).joined(separator: "\n") == """
        Plan 3f2a91c0  encrypt, cluster orders: running, 1 of 3 steps, 1 min
          ✓ node-b   re-sync into an encrypted generation  in 12 s
          ▶ node-c   re-sync into an encrypted generation  for 15 s
                     copying  ▕██████████░░░░░░░░░░▏ 52%  4,211/s, 1.2 MB/s  13 s left  \
        61,234 of about 117,659 documents
          · primary  hand over
        """)
  }

  @Test("says what a short plan took to the millisecond", arguments: [(133, "133 ms"), (0, "0 s"), (1499, "1 s")])
  func shortSpan(_ sample: (Int64, String)) {
    #expect(PlanRendering.took(now, OperatorTime(milliseconds: now.milliseconds + sample.0)) == sample.1)
  }

  @Test("says why a plan waits")
  func waiting() throws {
    let lines = PlanRendering.lines(try plan(.waiting, reason: "node-c was never heard of"), now: now, .plain)
    #expect(lines.contains("  waiting: node-c was never heard of"))
  }

  @Test("fills the bar from nothing to all", arguments: [(0.0, 0), (0.5, 10), (1.0, 20), (7.0, 20), (-1.0, 0)])
  func bar(_ sample: (Double, Int)) {
    #expect(PlanRendering.bar(sample.0).filter { $0 == "█" }.count == sample.1)
    #expect(PlanRendering.bar(sample.0).count == PlanRendering.barWidth + 2)
  }
}

@Suite("Spans, sizes and counts read well")
struct WordingTests {
  @Test(
    "names the two largest units",
    arguments: [
      (0.0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"),
      (.infinity, "a very long time"),
    ])
  func span(_ sample: (Double, String)) { #expect(Wording.span(seconds: sample.0) == sample.1) }

  @Test(
    "sets off thousands",
    arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (117_659, "117,659"), (1_234_567, "1,234,567")]
      as [(UInt64, String)])
  func count(_ sample: (UInt64, String)) { #expect(Wording.count(sample.0) == sample.1) }

  @Test(
    "writes sizes in decimal units",
    arguments: [(0.0, "0 B"), (999, "999 B"), (1_200, "1.2 kB"), (123_456_789, "123 MB"), (.nan, "0 B")])
  func bytes(_ sample: (Double, String)) { #expect(Wording.bytes(sample.0) == sample.1) }

  @Test("tells ages in the largest unit")
  func ages() {
    #expect(Wording.ago(minutesAgo(61), now: now) == "1 h ago")
    #expect(Wording.ago(nil, now: now) == "never")
    #expect(Wording.age(OperatorTime(milliseconds: now.milliseconds + 9_999), now: now) == "now")
  }

  @Test("aligns a table whatever its colours")
  func table() {
    var table = Table("name", "state")
    table.rows = [["a", Table.Cell("serving", .good)], ["longer", "x"]]
    #expect(table.lines(.plain) == ["NAME    STATE", "a       serving", "longer  x"])
    #expect(table.lines(Palette(isColoured: true))[1] == "a       \u{1B}[32mserving\u{1B}[0m")
  }
}

@Suite("Exit codes follow from the kind of failure")
struct ExitStatusTests {
  @Test("maps each kind")
  func codes() {
    #expect(ExitStatus(.unreachable).rawValue == 3)
    #expect(ExitStatus(.conflict).rawValue == 4 && ExitStatus(.notFound).rawValue == 4)
    #expect(ExitStatus(.invalid).rawValue == 2 && ExitStatus(.kmsFailed).rawValue == 1)
  }
}

@Suite("A line is cut to the terminal without its colours")
struct CutTests {
  @Test("counts visible characters only, and ends every colour")
  func cut() {
    let palette = Palette(isColoured: true)
    #expect(Palette.cut("abcdef", to: 3) == "abc")
    #expect(Palette.cut("▕█░", to: 2) == "▕█")
    let line = palette.paint("abc", .good) + "def"
    #expect(Palette.cut(line, to: 4) == "\u{1B}[32mabc\u{1B}[0md\u{1B}[0m")
    #expect(Palette.cut(line, to: 2).hasSuffix("\u{1B}[0m"))
  }
}
