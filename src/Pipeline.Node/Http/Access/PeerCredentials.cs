using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Pipeline.Node.Http.Access;

/// <summary>Whose process is at the other end of a socket: the system says it, not the process.</summary>
internal static partial class PeerCredentials
{
    private const uint Root = 0;

    // Linux.
    private const int SocketLevel = 1;
    private const int PeerCredential = 17;

    public static uint OwnUid => EffectiveUid();

    /// <summary>Null: it cannot be known.</summary>
    public static uint? UidOf(Socket socket)
    {
        if (!OperatingSystem.IsLinux()) return null;
        // struct ucred: pid, uid, gid.
        Span<int> credential = stackalloc int[3];
        try
        {
            return socket.GetRawSocketOption(SocketLevel, PeerCredential, MemoryMarshal.AsBytes(credential)) == sizeof(int) * credential.Length ? (uint)credential[1] : null;
        }
        catch (SocketException)
        {
            // It has gone.
            return null;
        }
    }

    /// <summary>The node's own user, and who may do everything on the machine.</summary>
    public static bool IsTrusted(uint uid) => uid == OwnUid || uid == Root;

    /// <summary>Whether who is at the other end is such a user's process.</summary>
    public static bool IsTrusted(Socket socket) => UidOf(socket) is { } uid && IsTrusted(uid);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUid();
}
