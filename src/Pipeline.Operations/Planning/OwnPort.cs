using System.Net;
using System.Net.Sockets;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Planning;

/// <summary>
/// Says in one line that another process has a node's port. Akka would find out too, a moment later, as an error of six layers.
/// </summary>
public static class OwnPort
{
    /// <exception cref="PipelineException">Another process listens there.</exception>
    public static ValueTask CheckAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        return CheckAsync(options.ListensAt, options.Port, "cluster.port", cancellationToken);
    }

    /// <param name="host">Where it is to listen.</param>
    /// <param name="port">0: a free one, which there is.</param>
    /// <param name="setting">That says the port.</param>
    /// <exception cref="PipelineException">Another process listens there.</exception>
    public static async ValueTask CheckAsync(string host, int port, string setting, CancellationToken cancellationToken)
    {
        if (port == 0 || await AddressOfAsync(host, cancellationToken) is not { } address) return;
        using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(address, port));
            probe.Listen();
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new PipelineException(FaultKind.Invalid, "This node", $"another process listens at {host}:{port}",
                $"Is this node running already? Stop that one, or give this one another {setting}.", taken);
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
