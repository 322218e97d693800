// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import AgentRuntime

@Suite("The engine's settings are checked before anything is opened")
struct EngineSettingsTests {
  private func check(_ fields: String) throws {
    let text = #"{"node": "node-1", "identity": "", "coordinator": {"address": "", "publicKey": ""}"# + fields + "}"
    try JSONDecoder().decode(AgentConfiguration.self, from: Data(text.utf8)).checkEngine()
  }

  @Test(
    "refuses what is out of range, with the setting and the rule",
    arguments: [
      ("cacheMegabytes", 0), ("cacheMegabytes", -1), ("cacheMegabytes", 15), ("cacheMegabytes", 10 * 1024 * 1024 + 1),
      ("cacheMegabytes", Int.max), ("checkpointSeconds", 0), ("checkpointSeconds", -60), ("checkpointSeconds", 86_401),
      ("checkpointSeconds", Int.min),
    ])
  func refused(sample: (String, Int)) throws {
    let error = #expect(throws: AgentError.self) { try check(#", "\#(sample.0)": \#(sample.1)"#) }
    #expect(error?.code == .configuration)
    #expect(error?.description.contains("\(sample.0) is \(sample.1); it has to be from ") == true)
  }

  @Test("takes the bounds, and what is left out")
  func taken() throws {
    try check("")
    try check(#", "cacheMegabytes": 16, "checkpointSeconds": 1"#)
    try check(#", "cacheMegabytes": 10485760, "checkpointSeconds": 86400"#)
  }
}
