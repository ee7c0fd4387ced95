using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Session;

/// <summary>
/// A demo's directory: the lake, and in <c>.demo</c> (which no listing of the lake shows) what belongs to the demo's own
/// servers. Where the lake is in a bucket, the directory holds the servers alone. One demo at a time; it never touches a
/// directory, or what is in a bucket, that a demo did not make.
/// </summary>
internal sealed class DemoDirectory : IDisposable
{
    private const string Hidden = ".demo";
    private const string LockFile = "lock";

    /// <summary>A file that another process holds: of Windows, Linux (EWOULDBLOCK) and macOS.</summary>
    private static readonly int[] IsHeld = [unchecked((int)0x80070020), 11, 35];

    private readonly FileStream _lock;

    private DemoDirectory(string lake, string servers, FileStream @lock, bool isResumed)
    {
        Lake = lake;
        Servers = servers;
        _lock = @lock;
        IsResumed = isResumed;
    }

    /// <summary>The lake's location: the directory, unless it is in a bucket.</summary>
    public string Lake { get; }

    /// <summary>For the demo's servers, their data and the transform's journal.</summary>
    public string Servers { get; }

    /// <summary>Whether a former demo is continued.</summary>
    public bool IsResumed { get; }

    /// <param name="lake">A directory.</param>
    /// <param name="isResume">Continue the demo in this directory; without one there it begins afresh.</param>
    /// <param name="mayReplace">Asked, by the lake's location, where there is a demo that is not continued; null: it may go.</param>
    /// <exception cref="PipelineException">The directory is not a demo's, a demo is running in it or is to be kept, or it cannot be written to.</exception>
    public static DemoDirectory Open(string lake, bool isResume, Func<string, bool>? mayReplace = null)
    {
        lake = Path.GetFullPath(lake);
        var held = Hold(lake, other: null);
        return Begin(lake, lake, held, isResume, mayReplace);
    }

    /// <summary>The same for a lake in a bucket.</summary>
    /// <param name="servers">The directory of what belongs to the demo's servers.</param>
    /// <param name="isResume">Continue the demo in this bucket, whose servers were in this directory; without one it begins afresh.</param>
    /// <exception cref="PipelineException">What is in the bucket or the directory is not this demo's, a demo is running in it, or one of them cannot be written to.</exception>
    public static async Task<DemoDirectory> OpenAsync(IObjectStore bucket, string servers, bool isResume, CancellationToken cancellationToken, Func<string, bool>? mayReplace = null)
    {
        servers = Path.GetFullPath(servers);
        var held = Hold(servers, bucket.Location);
        try
        {
            var owned = await OwnedBucket.OpenAsync(bucket, Path.Combine(servers, Hidden), cancellationToken);
            var directory = Begin(servers, bucket.Location, held, isResume && owned.IsTaken, mayReplace);
            if (!directory.IsResumed) await owned.ClearAsync(cancellationToken);
            return directory;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Makes a directory this demo's, or finds that it is a demo's.</summary>
    /// <param name="other">Where the lake is, if not in the directory.</param>
    private static FileStream Hold(string directory, string? other)
    {
        FileStream? held = null;
        try
        {
            var hidden = Path.Combine(directory, Hidden);
            if (Directory.Exists(directory) && !Directory.Exists(hidden) && Directory.EnumerateFileSystemEntries(directory).Any())
                throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", "it is not empty and no demo made it",
                    $"Choose another with {OptionOf(other)}; the demo only clears what is its own.");

            Directory.CreateDirectory(hidden);
            held = Lock(hidden, directory, OptionOf(other));
            if (OwnedBucket.LakeOf(hidden) is { } lake ? lake != other : other is not null && DemoManifest.TryLoad(hidden) is not null)
                throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", $"a demo whose lake is in {OwnedBucket.LakeOf(hidden) ?? "it"} has its servers there",
                    $"Choose another with {OptionOf(other)}.");
            return held;
        }
        catch (Exception e)
        {
            held?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw Explain(directory, OptionOf(other), e);
            throw;
        }
    }

    private static DemoDirectory Begin(string directory, string lake, FileStream held, bool isResume, Func<string, bool>? mayReplace)
    {
        try
        {
            var hidden = Path.Combine(directory, Hidden);
            var isResumed = isResume && DemoManifest.TryLoad(hidden) is not null;
            if (!isResumed && mayReplace is not null && DemoManifest.TryLoad(hidden) is not null && !mayReplace(lake))
                throw new PipelineException(FaultKind.Invalid, $"Demo in {lake}", "it is kept", "Continue it with --resume, replace it with --replace, or choose another place with --lake.");
            if (!isResumed) Clear(directory, hidden);
            return new DemoDirectory(lake, hidden, held, isResumed);
        }
        catch (Exception e)
        {
            held.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw Explain(directory, OptionOf(lake == directory ? null : lake), e);
            throw;
        }
    }

    /// <summary>The option by which somebody has named a directory.</summary>
    private static string OptionOf(string? other) => other is null ? "--lake" : "--servers";

    private static FileStream Lock(string hidden, string directory, string option)
    {
        try
        {
            return new FileStream(Path.Combine(hidden, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld.Contains(e.HResult))
        {
            throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", "another demo is running in it",
                $"Wait until it ends, or choose another with {option}.", e);
        }
    }

    /// <summary>The demo needs all of its directory: what it cannot read it cannot clear either.</summary>
    private static PipelineException Explain(string directory, string option, Exception e)
    {
        PipelineException Fault(FaultKind kind, string cause, string nextStep) => new(kind, $"Directory {directory}", cause, $"{nextStep}, or choose another with {option}.", e);
        if (DiskErrors.IsReadOnly(e)) return Fault(FaultKind.StorageFull, "the file system is read-only", "Mount it for writing");
        if (DiskErrors.IsFull(e)) return Fault(FaultKind.StorageFull, "no space is left on the disk", "Free some");
        if (FileInTheWay(Path.Combine(directory, Hidden)) is { } file) return Fault(FaultKind.Invalid, $"{file} is a file, and must be a directory", "Move it away");
        return Fault(FaultKind.NotAuthorised, $"it cannot be written to: {e.Message.TrimEnd('.')}", "Give this user the right to write it");
    }

    private static string? FileInTheWay(string? path)
    {
        while (path is not null && !File.Exists(path)) path = Path.GetDirectoryName(path);
        return path;
    }

    private static void Clear(string directory, string hidden)
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(directory).Where(entry => entry != hidden).Concat(Contents(hidden)).ToList())
        {
            if (Directory.Exists(entry)) Directory.Delete(entry, recursive: true);
            else File.Delete(entry);
        }
    }

    private static IEnumerable<string> Contents(string hidden) =>
        Directory.EnumerateFileSystemEntries(hidden).Where(entry => Path.GetFileName(entry) is not (LockFile or OwnedBucket.FileName));
}
