using System.Net;
using System.Net.Sockets;

namespace Pipeline.Emulation;

/// <summary>Ports on the loopback interface of servers that are started again at the port that they had.</summary>
public static class ServerPort
{
    /// <summary>
    /// One that nobody listens at now, below those that the system hands out to whoever connects: one of these may be a connection's when the
    /// server comes back.
    /// </summary>
    public static int Free()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(20_000, 32_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Another has it.
            }
        }
    }
}
