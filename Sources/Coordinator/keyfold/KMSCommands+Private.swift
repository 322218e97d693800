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

  /// The ranges, nil if private networking is not required; settings that require it are not left out by oversight.
  func ranges(inForce: [IPRange]?) throws(OperatorFailure) -> [IPRange]? {
    let wanted = try ranges()
    guard wanted == nil, inForce != nil, !noPrivateNetworking else { return wanted }
    throw OperatorFailure(
      .invalid, what: "The settings in force require private networking, and these do not.",
      next: "Say --require-private-networking with its ranges again, or --no-private-networking.")
  }

  /// The ranges, nil if private networking is not required.
  private func ranges() throws(OperatorFailure) -> [IPRange]? {
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
