using Pipeline.Core;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Session;

/// <summary>
/// A demo's directory: the lake, and in <c>.demo</c> (which no listing of the lake shows) what belongs to the demo's own
/// servers. One demo at a time; it never touches a directory that a demo did not make.
/// </summary>
internal sealed class DemoDirectory : IDisposable
{
    private const string Hidden = ".demo";
    private const string LockFile = "lock";

    /// <summary>A file that another process holds: of Windows, Linux (EWOULDBLOCK) and macOS.</summary>
    private static readonly int[] IsHeld = [unchecked((int)0x80070020), 11, 35];

    private readonly FileStream _lock;

    private DemoDirectory(string lake, FileStream @lock, bool isResumed)
    {
        Lake = lake;
        _lock = @lock;
        IsResumed = isResumed;
    }

    public string Lake { get; }

    /// <summary>For the demo's servers, their data and the transform's journal.</summary>
    public string Servers => Path.Combine(Lake, Hidden);

    /// <summary>Whether a former demo is continued.</summary>
    public bool IsResumed { get; }

    /// <param name="isResume">Continue the demo in this directory; without one there it begins afresh.</param>
    /// <exception cref="PipelineException">The directory is not a demo's, or a demo is running in it.</exception>
    public static DemoDirectory Open(string lake, bool isResume)
    {
        lake = Path.GetFullPath(lake);
        var hidden = Path.Combine(lake, Hidden);
        if (Directory.Exists(lake) && !Directory.Exists(hidden) && Directory.EnumerateFileSystemEntries(lake).Any())
            throw new PipelineException(FaultKind.Invalid, $"Directory {lake}", "it is not empty and no demo made it",
                "Choose another with --lake; the demo only clears what is its own.");

        var held = Lock(hidden, lake);
        var isResumed = isResume && DemoManifest.TryLoad(hidden) is not null;
        if (!isResumed) Clear(lake, hidden);
        return new DemoDirectory(lake, held, isResumed);
    }

    public void Dispose() => _lock.Dispose();

    private static FileStream Lock(string hidden, string lake)
    {
        try
        {
            Directory.CreateDirectory(hidden);
            return new FileStream(Path.Combine(hidden, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld.Contains(e.HResult))
        {
            throw new PipelineException(FaultKind.Invalid, $"Directory {lake}", "another demo is running in it",
                "Wait until it ends, or choose another with --lake.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.NotAuthorised, $"Directory {lake}", $"it cannot be written to: {e.Message.TrimEnd('.')}",
                "Give this user the right to write it, or choose another with --lake.", e);
        }
    }

    private static void Clear(string lake, string hidden)
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(lake).Where(entry => entry != hidden).Concat(Contents(hidden)).ToList())
        {
            if (Directory.Exists(entry)) Directory.Delete(entry, recursive: true);
            else File.Delete(entry);
        }
    }

    private static IEnumerable<string> Contents(string hidden) =>
        Directory.EnumerateFileSystemEntries(hidden).Where(entry => Path.GetFileName(entry) != LockFile);
}
