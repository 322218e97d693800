// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@Suite("KMS settings that require private networking")
struct PrivateNetworkTests {
  private func settings(_ ranges: [String]?) throws -> KMSSettings {
    var settings = KMSSettings(
      provider: .aws, keyID: "arn:aws:kms:eu-central-1:111122223333:key/1", region: "eu-central-1", accessKeyID: "AKIA")
    settings.privateRanges = try ranges?.map { try IPRange($0) }
    return settings
  }

  @Test("name the rule that is broken", arguments: [[], ["0.0.0.0/0"], ["10.0.0.0/8", "::/0"]])
  func rules(_ ranges: [String]) throws {
    let error = #expect(throws: ModelError.self) { try settings(ranges).validate() }
    #expect(error?.description.contains("private range") == true)
    #expect(throws: ModelError.self) { try settings((0..<40).map { "10.\($0).0.0/16" }).validate() }
  }

  @Test(
    "are stored and read as they are; from before there were any, none is required",
    arguments: [nil, ["10.0.0.0/8", "fd00::/8"]])
  func stored(_ ranges: [String]?) throws {
    let settings = try settings(ranges)
    try settings.validate()
    #expect(try JSONDecoder().decode(KMSSettings.self, from: JSONEncoder().encode(settings)) == settings)
    let view = KMSView(project: ProjectName(checked: "p"), settings: settings, settingsVersion: 1, lastCheck: nil)
    #expect(view.privateNetwork?.ranges.map(\.description) == ranges)
  }
}
