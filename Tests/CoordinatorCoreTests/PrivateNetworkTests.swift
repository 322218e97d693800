// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Private networking that is required goes on being required")
struct PrivateNetworkTests {
  private static var required: KMSSettings {
    var settings = Bench.settings
    settings.privateRanges = (try? IPRange("10.20.0.0/16")).map { [$0] }
    return settings
  }

  private func take(_ settings: KMSSettings, dropping: Bool = false, _ bench: inout Bench) throws(CoordinatorError) {
    let version = try bench.core.settingsVersion(
      proposing: settings, for: Bench.project, dropsPrivateNetwork: dropping)
    try bench.order { core, now throws(CoordinatorError) in
      try core.onKMSProven(
        Bench.project, settings: settings, dropsPrivateNetwork: dropping, settingsVersion: version,
        canary: Bench.canary, now: now)
    }
  }

  private var inForce: (Bench) -> [IPRange]? { { $0.core.projectRecords[Bench.project]?.kms?.privateRanges } }

  @Test("settings that leave it out are refused, whoever sends them, with the field and the rule")
  func leftOut() throws {
    var bench = try Bench()
    try bench.enroll(1)
    try take(Self.required, &bench)
    let error = #expect(throws: CoordinatorError.self) { try take(Bench.settings, &bench) }
    #expect(error?.code == .invalid && error?.why.contains("'private range' is missing") == true)
    #expect(error?.next.contains("--no-private-networking") == true)
    var others = Bench.settings
    others.credentials = .awsAccessKey(id: "AKIAOTHER")
    #expect(throws: CoordinatorError.self) { try take(others, &bench) }
    #expect(inForce(bench) == Self.required.privateRanges)
    // Also where what was proposed has been proven meanwhile.
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in
        try core.onKMSProven(
          Bench.project, settings: Bench.settings, settingsVersion: 3, canary: Bench.canary, now: now)
      }
    }
    try bench.restart()
    #expect(throws: CoordinatorError.self) { try take(Bench.settings, &bench) }
  }

  @Test("other ranges take the place of ranges, and to drop it is an order of its own")
  func dropped() throws {
    var bench = try Bench()
    try bench.enroll(1)
    try take(Self.required, &bench)
    var wider = Self.required
    wider.privateRanges = [try IPRange("10.0.0.0/8")]
    try take(wider, &bench)
    #expect(inForce(bench) == wider.privateRanges)
    let both = #expect(throws: CoordinatorError.self) { try take(wider, dropping: true, &bench) }
    #expect(both?.code == .invalid && both?.why.contains("'private range'") == true)
    try take(Bench.settings, dropping: true, &bench)
    #expect(inForce(bench) == nil)
    try take(Bench.settings, &bench)
    try take(Bench.settings, dropping: true, &bench)
  }
}
