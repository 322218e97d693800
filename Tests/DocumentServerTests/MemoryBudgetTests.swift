// SPDX-License-Identifier: GPL-3.0-or-later
import Synchronization
import Testing

@testable import DocumentServer

@Suite("Memory is shared in the order of asking")
struct MemoryBudgetTests {
  /// What somebody who waited got.
  private final class Grants: Sendable {
    private let shares = Mutex<[(name: String, share: MemoryBudget.Share)]>([])

    var names: [String] { shares.withLock { $0.map(\.name) } }

    func take(_ bytes: Int, as name: String, from budget: MemoryBudget) -> MemoryBudget.Ticket? {
      let answer = budget.take(bytes) { share in self.shares.withLock { $0.append((name, share)) } }
      switch answer {
      case .share(let share):
        shares.withLock { $0.append((name, share)) }
        return nil
      case .later(let ticket): return ticket
      }
    }

    /// A share that goes grants others theirs: not under the lock.
    func release(_ name: String) {
      let gone = shares.withLock { shares in
        defer { shares.removeAll { $0.name == name } }
        return shares.filter { $0.name == name }
      }
      withExtendedLifetime(gone) {}
    }

    func shrink(_ name: String, to bytes: Int) {
      for share in shares.withLock({ $0.filter { $0.name == name }.map(\.share) }) { share.shrink(to: bytes) }
    }
  }

  @Test("grants at once what fits, later what does not, and nobody overtakes")
  func order() {
    let (budget, grants) = (MemoryBudget(limit: 100), Grants())
    #expect(grants.take(60, as: "a", from: budget) == nil)
    #expect(grants.take(80, as: "b", from: budget) != nil)
    #expect(grants.take(10, as: "c", from: budget) != nil, "it would fit, but b came first")
    #expect(budget.used == 60 && budget.waiting == 2)
    grants.release("a")
    #expect(grants.names == ["b", "c"])
    #expect(budget.used == 90 && budget.waiting == 0)
    grants.release("b")
    grants.release("c")
    #expect(budget.used == 0)
  }

  @Test("gives a part back, and lets those go on who waited for it")
  func shrinks() {
    let (budget, grants) = (MemoryBudget(limit: 100), Grants())
    _ = grants.take(100, as: "a", from: budget)
    _ = grants.take(30, as: "b", from: budget)
    grants.shrink("a", to: 80)
    #expect(grants.names == ["a"])
    grants.shrink("a", to: 70)
    grants.shrink("a", to: 90)
    #expect(grants.names == ["a", "b"] && budget.used == 100)
    grants.release("a")
    grants.release("b")
    #expect(budget.used == 0)
  }

  @Test("forgets who gives up, and lets the next go on")
  func givesUp() throws {
    let (budget, grants) = (MemoryBudget(limit: 100), Grants())
    _ = grants.take(50, as: "a", from: budget)
    let ticket = try #require(grants.take(60, as: "b", from: budget))
    _ = grants.take(50, as: "c", from: budget)
    budget.giveUp(ticket)
    budget.giveUp(ticket)
    #expect(grants.names == ["a", "c"] && budget.waiting == 0)
  }

  @Test("gives all there is for more than there is")
  func tooMuch() async {
    let budget = MemoryBudget(limit: 100)
    do {
      let share = await budget.share(1_000)
      #expect(budget.used == 100)
      withExtendedLifetime(share) {}
    }
    #expect(budget.used == 0)
  }
}
