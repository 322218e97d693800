// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@testable import AgentCore

@Suite("Uses of KMS keys that wait for the coordinator")
struct KeyUseQueueTests {
  private let boot = BootID.random()

  private func use(_ number: Int) -> KeyUse {
    KeyUse(
      provider: .aws, operation: .unwrap, keyID: "arn", requestID: "r-\(number)",
      startedAtMilliseconds: Int64(number))
  }

  private func queue(_ count: Int) -> KeyUseQueue {
    var queue = KeyUseQueue(boot: boot)
    for number in 1...count { queue.note(use(number)) }
    return queue
  }

  private func report(_ boot: BootID, _ numbers: ClosedRange<Int>) -> KeyUseReport {
    KeyUseReport(boot: boot, uses: numbers.map { NumberedKeyUse(number: UInt64($0), use: use($0)) })
  }

  @Test("are sent oldest first, again only after a while or on a new link, and no more once they are taken")
  func sends() {
    var queue = queue(KeyUseReport.maximumUses + 2)
    let times: [Milliseconds] = [0, KeyUseQueue.resendDelay - 1, KeyUseQueue.resendDelay]
    let sent = times.map { queue.due(now: $0) }
    #expect(sent == [report(boot, 1...50), nil, report(boot, 1...50)], "an answer may still come")
    queue.onLink()
    let onNewLink = queue.due(now: KeyUseQueue.resendDelay + 1)
    #expect(onNewLink == sent[0], "what was sent on another link may be lost")
    let marks =
      [KeyUseMark(boot: .random(), through: 50)] + Array(repeating: KeyUseMark(boot: boot, through: 50), count: 2)
    let news = marks.map { queue.onTaken($0) }
    #expect(news == [false, true, false], "the same answer twice is nothing new")
    let rest = queue.due(now: KeyUseQueue.resendDelay + 2)
    #expect(rest == report(boot, 51...52))
    let isEnd = queue.onTaken(KeyUseMark(boot: boot, through: .max))
    let nothing = queue.due(now: .max)
    #expect(isEnd && nothing == nil && queue.count == 0)
  }

  @Test("outlive the process, under the life and number they were made with")
  func restart() throws {
    var next = try JSONDecoder().decode(KeyUseQueue.self, from: JSONEncoder().encode(queue(2)))
    let later = BootID.random()
    next.begin(boot: later)
    next.note(use(1))
    let first = next.due(now: 0)
    #expect(first == report(boot, 1...2), "one report is of one life")
    let isTaken = next.onTaken(KeyUseMark(boot: boot, through: 2))
    let second = next.due(now: 1)
    #expect(isTaken && second == report(later, 1...1))
  }

  @Test("beyond the limit are given up oldest first, and the next one tells how many")
  func overflow() {
    var queue = queue(KeyUseQueue.maximumUses + 7)
    let first = queue.due(now: 0)?.uses.first
    #expect(queue.count == KeyUseQueue.maximumUses && first?.number == 8 && first?.lostBefore == 7)
  }
}
