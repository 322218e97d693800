import Testing
import Foundation
import ClusterModel
@testable import CoordinatorCore
@Suite struct ZDebug {
  @Test func debug() {
    guard let text = ProcessInfo.processInfo.environment["SEED"], let seed = UInt64(text) else { return }
    let w = SimulatedWorld(seed: seed)
    do { try w.play() } catch { print(error) }
    for plan in w.storedPlans { print(plan.kind, plan.id, plan.outcome as Any, (plan.createdAt.milliseconds - SimulatedWorld.epochStart), plan.finishedAt.map { $0.milliseconds - SimulatedWorld.epochStart } as Any, w.core?.waitingReason(of: plan.id) as Any)
      if plan.isOpen { for s in plan.steps { print("   ", s.kind, s.node as Any, s.state, s.attempts) } } }
    print(w.storedCluster?.running as Any, w.storedCluster?.lease as Any, w.pending.count)
    for a in w.members { print(a.name, a.alive, a.linked, a.phase, a.role, a.assignment?.version as Any, w.core?.isHeard(a.name, now: w.instant) as Any) }
    print(w.disk.keys.map(\.kind))
  }
  @Test func many() {
    guard let text = ProcessInfo.processInfo.environment["RANGE"] else { return }
    let p = text.split(separator: "-").compactMap { UInt64($0) }
    var kinds: [String: Int] = [:]
    for seed in p[0]...p[1] {
      let w = SimulatedWorld(seed: seed)
      do { try w.play() } catch { print(error) }
      for plan in w.storedPlans { kinds["\(plan.kind) \(plan.outcome == .succeeded ? "ok" : "other")", default: 0] += 1; for s in plan.steps { kinds["step \(s.kind) attempts \(min(s.attempts, 4))", default: 0] += 1 } }
      for r in w.disk.values { if case .alert(let a) = r { kinds["alert \(a.kind)", default: 0] += 1 } }
      kinds["lives", default: 0] += Int(w.life)
    }
    for (k, v) in kinds.sorted(by: { $0.key < $1.key }) { print(k, v) }
  }
}
