using System.Net;
using System.Net.Sockets;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Composition;

/// <summary>
/// Says in one line that another process has a node's port. Akka would find out too, a moment later, as an error of six layers.
/// </summary>
internal static class OwnPort
{
    /// <exception cref="PipelineException">Another process listens there.</exception>
    public static async ValueTask CheckAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        if (options.Port == 0 || await AddressOfAsync(options.ListensAt, cancellationToken) is not { } address) return;
        using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(address, options.Port));
            probe.Listen();
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new PipelineException(FaultKind.Invalid, "This node", $"another process listens at {options.ListensAt}:{options.Port}",
                "Is this node running already? Stop that one, or give this one another cluster.port.", taken);
        }
    }

    /// <summary>Null: it cannot be found, which Akka says better.</summary>
    private static async ValueTask<IPAddress?> AddressOfAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out var address)) return address;
        try
        {
            return (await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork, cancellationToken)).FirstOrDefault();
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
