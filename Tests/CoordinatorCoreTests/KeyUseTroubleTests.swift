// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A key that unwraps but does not wrap, or is not described")
struct KeyUseTroubleTests {
  private func use(_ bench: inout Bench, _ trouble: KeyUseTrouble?, version: UInt64 = 1) {
    bench.take(bench.core.onKeyUse(Bench.project, settingsVersion: version, trouble: trouble, now: bench.now))
  }

  @Test("is an alert at once if a right is missing, at the second time if it may pass, and none once it works")
  func alert() throws {
    var bench = try KeyTroubleTests.encrypted()
    let denied = KeyUseTrouble(detail: "denied", isPassing: false, next: "give it")
    let slow = KeyUseTrouble(detail: "slow", isPassing: true, next: "wait")
    use(&bench, denied, version: 7)
    #expect(bench.openAlerts.isEmpty, "of other settings")
    use(&bench, denied)
    #expect(bench.openAlerts == [.keyUse] && bench.record?.lockout == nil)
    #expect(bench.core.alertViews.first?.severity == "warning" && bench.core.alertViews.first?.next == "give it")
    use(&bench, nil)
    #expect(bench.openAlerts.isEmpty)
    use(&bench, slow)
    #expect(bench.openAlerts.isEmpty)
    bench.verdict(.valid)
    use(&bench, slow)
    #expect(bench.openAlerts == [.keyUse])
    try bench.proveKMS()
    #expect(bench.openAlerts.isEmpty, "new settings were proven to wrap and to describe")
  }
}
