namespace Pipeline.DuckDb;

/// <summary>
/// A directory of one session, for what does not fit into memory and for copies of remote files: rows of tables, which nobody
/// else of this machine may read. It is locked as long as its session lives, and whoever cleans up believes the lock: processes
/// of other containers have numbers of their own.
/// </summary>
internal sealed class SessionDirectory : IDisposable
{
    private const string Prefix = "duckdb-";
    private const string LockName = "in-use";

    /// <summary>One without a lock is just being made, unless it is as old as this.</summary>
    private static readonly TimeSpan UnlockedMax = TimeSpan.FromDays(1);

    private readonly FileStream _lock;

    private SessionDirectory(string path, FileStream @lock)
    {
        Path = path;
        _lock = @lock;
    }

    public string Path { get; }

    public static SessionDirectory Create(string parent)
    {
        CreateDirectory(parent);
        var path = System.IO.Path.Combine(parent, $"{Prefix}{Guid.NewGuid():N}");
        CreateDirectory(path);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new SessionDirectory(path, new FileStream(System.IO.Path.Combine(path, LockName), options));
    }

    /// <summary>Removes what sessions that have ended without saying so have left.</summary>
    public static void RemoveLeftovers(string parent, TimeProvider time)
    {
        if (!Directory.Exists(parent)) return;
        foreach (var path in Directory.GetDirectories(parent, Prefix + "*"))
            if (IsLeft(path, time)) Remove(path);
    }

    public void Dispose()
    {
        Remove(Path);
        _lock.Dispose();
    }

    private static bool IsLeft(string path, TimeProvider time)
    {
        try
        {
            using var held = new FileStream(System.IO.Path.Combine(path, LockName), FileMode.Open, FileAccess.Write, FileShare.None);
            return true;
        }
        catch (FileNotFoundException)
        {
            return time.GetUtcNow().UtcDateTime - Directory.GetLastWriteTimeUtc(path) > UnlockedMax;
        }
        catch (Exception inUse) when (inUse is IOException or UnauthorizedAccessException)
        {
            // Its session lives, or it is another user's.
            return false;
        }
    }

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else removes it too, or a file of it is still written: the next one who cleans up finds it.
        }
    }

    private static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
