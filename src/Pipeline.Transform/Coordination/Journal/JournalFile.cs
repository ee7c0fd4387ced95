using System.Globalization;
using Microsoft.Data.Sqlite;
using Pipeline.Core;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>How the place of a journal was found.</summary>
/// <param name="Damage">What was wrong with the file that stood there.</param>
/// <param name="DamagedAs">The name under which it stands now.</param>
internal sealed record PreparedJournal(bool IsNew, string? Damage = null, string? DamagedAs = null);

/// <summary>The file of a SQLite journal: it belongs to one node, and a damaged one is set aside.</summary>
internal static class JournalFile
{
    private const int ReadOnly = 8;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int NotADatabase = 26;

    /// <summary>What <c>flock</c> gives where somebody else holds the lock.</summary>
    private const int WouldBlock = 11;

    /// <summary>The file, absolute; null: the journal is none.</summary>
    public static string? Of(TransformOptions options) =>
        options.JournalProvider == JournalProvider.Sqlite && new SqliteConnectionStringBuilder(options.JournalConnection) is { DataSource: { Length: > 0 } file, Mode: not SqliteOpenMode.Memory }
            && file != ":memory:" ? Path.GetFullPath(file) : null;

    /// <summary>
    /// Keeps other nodes out until it is disposed. Null: there is no file, or none can be made here now; then no node can
    /// write one either.
    /// </summary>
    /// <exception cref="PipelineException">Another node has it.</exception>
    public static IDisposable? Lock(TransformOptions options)
    {
        if (Of(options) is not { } file) return null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            MakePrivate(file + ".lock");
            return new FileStream(file + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new PipelineException(FaultKind.Invalid, $"Journal {file}", "another node is using it",
                "A SQLite journal is for one node: stop the other, give this one a file of its own (transform.journal.connection), or let the nodes of a cluster share one with transform.journal.provider = postgresql.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether the file has gone from where it was, though those who hold it open do not see that.</summary>
    public static bool IsGone(TransformOptions options) => Of(options) is { } file && !File.Exists(file);

    /// <summary>
    /// Makes the place of a journal ready to be opened. A file that is no journal, or a damaged one, is set aside, with what
    /// SQLite keeps beside it.
    /// </summary>
    /// <exception cref="SqliteException">It cannot be written now: it is locked, or its disk is full.</exception>
    public static PreparedJournal Prepare(TransformOptions options, DateTimeOffset now)
    {
        if (Of(options) is not { } file) return new PreparedJournal(IsNew: false);
        // Whoever held the file that stood here before must not write into that one.
        using (var pool = new SqliteConnection(options.JournalConnection)) SqliteConnection.ClearPool(pool);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var isNew = !File.Exists(file);
        MakePrivate(file);
        if (DamageOf(file) is not { } damage) return new PreparedJournal(isNew);

        var aside = $"{file}.damaged-{now.UtcDateTime.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture)}";
        foreach (var suffix in (string[])["", "-journal", "-wal", "-shm"])
            if (File.Exists(file + suffix)) File.Move(file + suffix, aside + suffix);
        MakePrivate(file);
        return new PreparedJournal(IsNew: true, damage, aside);
    }

    /// <summary>Whether a disk that is full or read-only is the reason.</summary>
    public static bool IsFull(Exception cause) => DiskErrors.IsFull(cause) || DiskErrors.IsReadOnly(cause)
        || cause is SqliteException { SqliteErrorCode: Full or ReadOnly } || (cause.InnerException is { } inner && IsFull(inner));

    /// <summary>Only its owner reads or writes a journal; what SQLite makes beside it has the rights that it has.</summary>
    private static void MakePrivate(string file)
    {
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            // One that is there is not opened: closing it again would take SQLite's locks from whoever has it open in this process.
            if (!File.Exists(file)) new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = owner }).Dispose();
            else if (File.GetUnixFileMode(file) != owner) File.SetUnixFileMode(file, owner);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // SQLite says what is wrong with it.
        }
    }

    /// <summary>What is wrong with what stands there; null: nothing, and it has been written to.</summary>
    public static string? DamageOf(string file)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, DefaultTimeout = 1 }.ToString());
            connection.Open();
            using var check = connection.CreateCommand();
            check.CommandText = "PRAGMA quick_check(1)";
            var answer = (string?)check.ExecuteScalar();
            if (answer != "ok") return answer ?? "no answer to quick_check";
            // One that takes no commit is no use; SQLite says why sooner than the plug-ins, which try for long before they fail.
            check.CommandText = "PRAGMA user_version";
            check.CommandText = $"PRAGMA user_version = {((long?)check.ExecuteScalar() ?? 0) ^ 1}";
            check.ExecuteNonQuery();
            return null;
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NotADatabase)
        {
            return e.Message;
        }
    }
}
