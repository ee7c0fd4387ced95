using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>
/// Where the sockets of a pipeline's nodes on this machine are, so that a command finds them by the same configuration: in one directory
/// that nobody else may enter, under names that begin with the pipeline's own mark.
/// </summary>
internal static partial class SocketPlace
{
    private const string Ending = ".sock";

    /// <summary>Bytes that the system takes for the path of a socket.</summary>
    private const int PathBytesMax = 107;

    private const uint SameGroup = uint.MaxValue;

    private static int _made;

    public static string DirectoryOf(HttpOptions options) => Path.GetFullPath(options.SocketDirectory ?? $"/tmp/pipeline-{PeerCredentials.OwnUid}");

    /// <summary>Sockets that are there, those of nodes that have ended among them; the newest first.</summary>
    public static IReadOnlyList<string> Find(PipelineOptions options)
    {
        var directory = new DirectoryInfo(DirectoryOf(options.Http));
        if (!directory.Exists) return [];
        return [.. directory.GetFiles($"{MarkOf(options)}-*{Ending}").OrderByDescending(file => file.LastWriteTimeUtc).ThenBy(file => file.Name, StringComparer.Ordinal).Select(file => file.FullName)];
    }

    /// <summary>A place for a socket of this process, in a directory that is its user's alone.</summary>
    /// <exception cref="IOException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory is another's.</exception>
    public static string Prepare(PipelineOptions options)
    {
        var directory = DirectoryOf(options.Http);
        var path = Path.Combine(directory, $"{MarkOf(options)}-{Environment.ProcessId}-{Interlocked.Increment(ref _made)}{Ending}");
        if (Encoding.UTF8.GetByteCount(path) > PathBytesMax) throw new IOException($"{path} is longer than a socket's path may be");
        if (new DirectoryInfo(directory).LinkTarget is not null) throw new IOException($"{directory} is a link");
        Directory.CreateDirectory(directory);
        // Only its owner, or root, may say whose it is: whoever else made it would have the sockets in it.
        if (OperatingSystem.IsLinux() && TakeOver(directory, PeerCredentials.OwnUid, SameGroup) != 0) throw new UnauthorizedAccessException($"{directory} is another user's");
        OwnFiles.CreateDirectory(directory);
        foreach (var left in Find(options).Where(left => !Lives(left) && !Answers(left))) File.Delete(left);
        return path;
    }

    /// <summary>Whether a process listens there that this user may believe.</summary>
    public static bool Answers(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return PeerCredentials.IsTrusted(socket);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Whether the process that made it is there: it may be about to listen.</summary>
    private static bool Lives(string path) => Path.GetFileNameWithoutExtension(path).Split('-') is [.., var process, _] && Directory.Exists($"/proc/{process}");

    /// <summary>Tells this pipeline, in this lake, from others of the same user.</summary>
    private static string MarkOf(PipelineOptions options)
    {
        var lake = options.Lake.IsRelative ? Path.GetFullPath(options.Lake.Location) : options.Lake.Location;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{options.Name}\n{lake.TrimEnd('/')}")).AsSpan(0, 6));
    }

    [LibraryImport("libc", EntryPoint = "lchown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int TakeOver(string path, uint owner, uint group);
}
