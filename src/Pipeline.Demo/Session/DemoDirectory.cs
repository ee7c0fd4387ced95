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
    /// <exception cref="PipelineException">The directory is not a demo's, a demo is running in it, or it cannot be written to.</exception>
    public static DemoDirectory Open(string lake, bool isResume)
    {
        lake = Path.GetFullPath(lake);
        FileStream? held = null;
        try
        {
            return Open(lake, isResume, ref held);
        }
        catch (Exception e)
        {
            held?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw Explain(lake, e);
            throw;
        }
    }

    public void Dispose() => _lock.Dispose();

    private static DemoDirectory Open(string lake, bool isResume, ref FileStream? held)
    {
        var hidden = Path.Combine(lake, Hidden);
        if (Directory.Exists(lake) && !Directory.Exists(hidden) && Directory.EnumerateFileSystemEntries(lake).Any())
            throw new PipelineException(FaultKind.Invalid, $"Directory {lake}", "it is not empty and no demo made it",
                "Choose another with --lake; the demo only clears what is its own.");

        Directory.CreateDirectory(hidden);
        held = Lock(hidden, lake);
        var isResumed = isResume && DemoManifest.TryLoad(hidden) is not null;
        if (!isResumed) Clear(lake, hidden);
        return new DemoDirectory(lake, held, isResumed);
    }

    private static FileStream Lock(string hidden, string lake)
    {
        try
        {
            return new FileStream(Path.Combine(hidden, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld.Contains(e.HResult))
        {
            throw new PipelineException(FaultKind.Invalid, $"Directory {lake}", "another demo is running in it",
                "Wait until it ends, or choose another with --lake.", e);
        }
    }

    /// <summary>The demo needs all of its directory: what it cannot read it cannot clear either.</summary>
    private static PipelineException Explain(string lake, Exception e)
    {
        PipelineException Fault(FaultKind kind, string cause, string nextStep) => new(kind, $"Directory {lake}", cause, $"{nextStep}, or choose another with --lake.", e);
        if (DiskErrors.IsReadOnly(e)) return Fault(FaultKind.StorageFull, "the file system is read-only", "Mount it for writing");
        if (DiskErrors.IsFull(e)) return Fault(FaultKind.StorageFull, "no space is left on the disk", "Free some");
        if (FileInTheWay(Path.Combine(lake, Hidden)) is { } file) return Fault(FaultKind.Invalid, $"{file} is a file, and must be a directory", "Move it away");
        return Fault(FaultKind.NotAuthorised, $"it cannot be written to: {e.Message.TrimEnd('.')}", "Give this user the right to write it");
    }

    private static string? FileInTheWay(string? path)
    {
        while (path is not null && !File.Exists(path)) path = Path.GetDirectoryName(path);
        return path;
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
