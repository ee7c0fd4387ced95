using Akka.Actor;

namespace Pipeline.Operations.Control;

/// <summary>What operators call a node: its host name and port.</summary>
internal static class NodeNames
{
    public static string Of(Address address) => $"{address.Host}:{address.Port}";
}
