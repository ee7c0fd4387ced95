using System.Net;
using System.Net.Sockets;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Planning;

/// <summary>
/// Says in one line why a node cannot listen at its port. Akka would find out too, a moment later, as an error of six layers.
/// </summary>
public static class OwnPort
{
    /// <exception cref="PipelineException">It cannot listen there: another process does, it is no address of this machine, or it may not.</exception>
    public static async ValueTask CheckAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (await TryAsync(options.ListensAt, options.Port, "cluster.port", "cluster.bind-hostname", cancellationToken) is { } fault) throw fault.Told;
    }

    /// <param name="host">Where it is to listen.</param>
    /// <param name="port">0: a free one, which there is.</param>
    /// <param name="portSetting">That says the port.</param>
    /// <param name="hostSetting">That says the address.</param>
    /// <returns>Why it cannot; null: it can.</returns>
    internal static async ValueTask<(SocketError Error, PipelineException Told)?> TryAsync(string host, int port, string portSetting, string hostSetting, CancellationToken cancellationToken)
    {
        if (port == 0 || await AddressOfAsync(host, cancellationToken) is not { } address) return null;
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(address, port));
            probe.Listen();
            return null;
        }
        catch (SocketException e)
        {
            var (cause, nextStep) = e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => ($"another process listens at {host}:{port}", $"Is this node running already? Stop that one, or give this one another {portSetting}."),
                SocketError.AddressNotAvailable => ($"it cannot listen at {host}:{port}: that is no address of this machine", $"Write one that is into {hostSetting}, or 0.0.0.0 for all of them."),
                _ => ($"it cannot listen at {host}:{port}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", $"Give this user the right to, or write another {portSetting}."),
            };
            return (e.SocketErrorCode, new PipelineException(FaultKind.Invalid, "This node", cause, nextStep, e));
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
