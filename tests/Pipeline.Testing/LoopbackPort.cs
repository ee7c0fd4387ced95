using System.Net;
using System.Net.Sockets;

namespace Pipeline.Testing;

/// <summary>For servers that cannot take a port from the system by themselves.</summary>
public static class LoopbackPort
{
    /// <summary>One that nobody listens at now.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
