// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// What private networking `kms set` requires.
struct PrivateNetworkOptions: ParsableArguments {
  @Flag(
    name: .long,
    help: "Refuse every address of the KMS and of token issuers outside the private ranges, before a byte is sent.")
  var requirePrivateNetworking = false
  @Option(
    name: .long,
    help: ArgumentHelp("A range with the endpoints' private addresses; may be given more than once.", valueName: "cidr")
  )
  var privateRange: [String] = []

  @Flag(name: .long, help: "Require it no more, where the settings in force do.") var noPrivateNetworking = false

  /// The ranges, nil if private networking is not required; the coordinator sees to it that it is not dropped by
  /// oversight.
  func ranges() throws(OperatorFailure) -> [IPRange]? {
    guard requirePrivateNetworking == !privateRange.isEmpty else {
      throw OperatorFailure(
        .invalid, what: "--require-private-networking and --private-range go together.",
        next: "Give both, like --require-private-networking --private-range 10.20.0.0/16.")
    }
    var ranges: [IPRange] = []
    for text in privateRange {
      do { ranges.append(try IPRange(text)) } catch {
        throw OperatorFailure(
          .invalid, what: "The private range '\(text)' can't be used.", why: error.description)
      }
    }
    return ranges.isEmpty ? nil : ranges
  }
}
