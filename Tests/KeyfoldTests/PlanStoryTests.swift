// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import keyfold

private let start = OperatorTime(milliseconds: 1_000_000_000)

private func step(_ node: String, _ state: PlanStepView.State, _ progress: ProgressView? = nil) -> PlanStepView {
  PlanStepView(
    title: "initial sync from another member", node: NodeName(checked: node), state: state, detail: "",
    startedAt: nil, finishedAt: nil, progress: progress)
}

private func plan(_ state: PlanView.State, _ steps: [PlanStepView], reason: String? = nil) throws -> PlanView {
  PlanView(
    id: try PlanID("3f2a91c0-0000-0000-0000-000000000000"), kind: "encrypt", cluster: ClusterName(checked: "orders"),
    state: state, waitingReason: reason, createdAt: start, finishedAt: nil, steps: steps)
}

@Suite("A plan that is followed without a terminal")
struct PlanStoryTests {
  @Test("tells each step of each node once, also where nodes differ by a number only")
  func nodes() throws {
    var story = PlanStory()
    let title = "initial sync from another member"
    #expect(
      story.news(try plan(.running, [step("node-1", .running), step("node-2", .pending)]))
        == ["plan 3f2a91c0: node-1: \(title): running"])
    #expect(story.news(try plan(.running, [step("node-1", .running), step("node-2", .pending)])) == [])
    #expect(
      story.news(try plan(.running, [step("node-1", .done), step("node-2", .running)])) == [
        "plan 3f2a91c0: node-1: \(title): done", "plan 3f2a91c0: node-2: \(title): running",
      ])
    #expect(
      story.news(try plan(.done, [step("node-1", .done), step("node-2", .done)])) == [
        "plan 3f2a91c0: node-2: \(title): done", "plan 3f2a91c0: done",
      ])
    #expect(story.news(try plan(.done, [step("node-1", .done), step("node-2", .done)])) == [])
  }

  @Test(
    "tells a reason to wait anew if it is about another node or another thing, not if only time went by",
    arguments: [
      ("waiting for node-2: not heard of for 12 s", false), ("waiting for node-3: not heard of for 4 s", true),
      ("waiting for node-2: it is opening", true),
    ])
  func reasons(_ sample: (String, Bool)) throws {
    var story = PlanStory()
    _ = story.news(try plan(.waiting, [], reason: "waiting for node-2: not heard of for 4 s"))
    let news = story.news(try plan(.waiting, [], reason: sample.0))
    #expect(news == (sample.1 ? ["plan 3f2a91c0: waiting: \(sample.0)"] : []))
  }
}

@Suite("A copy's line in a narrow terminal")
struct NarrowPlanTests {
  private func lines(columns: Int, remark: String = "") throws -> [String] {
    var work = WorkReport(
      command: .random(), stage: "copying", documentsDone: 611_234, documentsTotal: 1_117_659, bytesDone: 17_448_000,
      startedAtMilliseconds: start.milliseconds - 14_540)
    work.bytesTotal = 34_448_000
    work.remark = remark
    let progress = ProgressView(work, nowMilliseconds: start.milliseconds)
    let shown = try plan(.running, [step("orders-node-3", .running, progress)])
    return PlanRendering.lines(shown, now: start, columns: columns, .plain).map { Palette.cut($0, to: columns) }
  }

  @Test("rate and time left are whole from 62 columns on", arguments: [62, 79, 99, 119, 200])
  func rate(columns: Int) throws {
    let line = try #require(try lines(columns: columns).first { $0.contains("copying") })
    #expect(line.contains("54%  42,038/s, 1.2 MB/s  12 s left"), "\(line)")
    #expect(line.count <= columns)
  }

  @Test("bytes go first, then the bar, then documents", arguments: [(79, 0), (105, 1), (128, 2), (200, 3)])
  func order(_ sample: (columns: Int, parts: Int)) throws {
    let line = try #require(try lines(columns: sample.columns).first { $0.contains("copying") })
    let there = ["documents", "█", "34.4 MB"].map { line.contains($0) }
    #expect(there == [sample.parts > 0, sample.parts > 1, sample.parts > 2], "\(line)")
  }

  @Test("a remark gets a line of its own instead of being lost")
  func remark() throws {
    #expect(try lines(columns: 99, remark: "from node-1").contains { $0.hasSuffix("   (from node-1)") })
  }
}
