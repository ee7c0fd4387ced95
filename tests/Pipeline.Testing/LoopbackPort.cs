using System.Net;
using System.Net.Sockets;

namespace Pipeline.Testing;

/// <summary>For servers that cannot take a port from the system by themselves, and for nodes that come back to theirs.</summary>
public static class LoopbackPort
{
    /// <summary>One that nobody listens at now, below those that the system hands out to whoever connects: nobody gets it by chance meanwhile.</summary>
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

    /// <summary>Different ones.</summary>
    public static int[] Free(int count)
    {
        var ports = new HashSet<int>();
        while (ports.Count < count) ports.Add(Free());
        return [.. ports];
    }
}
