using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Pipeline.Testing;

/// <summary>Stands between the source and the server, and can cut all connections, as a failing network does.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly AcceptingPort _port;
    private readonly ConcurrentDictionary<Socket, byte> _open = [];
    private readonly int _targetPort;
    private volatile bool _isRefusing;

    /// <param name="targetPort">On 127.0.0.1.</param>
    /// <param name="address">Where it listens; null for 127.0.0.1.</param>
    public TcpProxy(int targetPort, IPAddress? address = null)
    {
        _targetPort = targetPort;
        _port = new AcceptingPort(ServeAsync, address);
    }

    public int Port => _port.Port;

    /// <summary>Cuts every connection; new ones are refused until <see cref="Restore"/>.</summary>
    public void Cut()
    {
        _isRefusing = true;
        foreach (var socket in _open.Keys) socket.Close(timeout: 0);
    }

    public void Restore() => _isRefusing = false;

    public async ValueTask DisposeAsync()
    {
        Cut();
        await _port.DisposeAsync();
    }

    private async Task ServeAsync(Socket client, CancellationToken stopping)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        _open[client] = _open[server] = 0;
        try
        {
            // Who is cut off while it comes is not let through.
            if (_isRefusing) return;
            await server.ConnectAsync(IPAddress.Loopback, _targetPort, stopping);
            await Task.WhenAll(PumpAsync(client, server, stopping), PumpAsync(server, client, stopping));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The server is away: whoever asked for it hears so.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            client.Close(timeout: 0);
        }
    }

    private async Task PumpAsync(Socket from, Socket to, CancellationToken stopping)
    {
        var buffer = new byte[16 << 10];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, stopping)) > 0) await to.SendAsync(buffer.AsMemory(0, read), stopping);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone: so is the other.
        }

        from.Close();
        to.Close();
    }
}
