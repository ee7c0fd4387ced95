using System.Globalization;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Parquet;

namespace Pipeline.DuckDb;

/// <summary>What one session may use.</summary>
/// <param name="MemoryBytesMax">
/// DuckDB's own budget; above it, it spills to <paramref name="TempDirectory"/>. The process may grow by about twice as much.
/// </param>
/// <param name="TempDirectory">Holds spilled data and copies of remote files while a session is open.</param>
public sealed record DuckDbSettings(long MemoryBytesMax, int Threads, string TempDirectory)
{
    /// <summary>Of the data files that its queries become.</summary>
    public FileCompression Compression { get; init; }
}

/// <summary>
/// An in-memory DuckDB of its own, with bounded memory, UTC and a directory for what does not fit. What is divided by zero is
/// null, not infinity. One statement at a time; the end of the session interrupts the one that runs and waits for it.
/// </summary>
public sealed class DuckDbSession : IDisposable
{
    private static readonly string[] RowErrors =
        ["Conversion Error", "Decimal Error", "Divide by Zero Error", "Invalid Input Error", "Invalid Type Error", "Mismatch Type Error", "Object Size Error", "Out of Range Error"];

    private readonly DuckDBConnection _connection;
    private SessionDirectory? _directory;
    private readonly string _tempDirectory;
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenSource _ending;
    private readonly HandleGate _gate = new(nameof(DuckDbSession));

    /// <summary>By a function of the statement that runs, on whichever of DuckDB's threads.</summary>
    private PipelineException? _thrown;

    private DuckDbSession(DuckDBConnection connection, string tempDirectory, string scratch, FileCompression compression, CancellationToken cancellationToken)
    {
        _connection = connection;
        _tempDirectory = tempDirectory;
        _cancellationToken = cancellationToken;
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ScratchDirectory = scratch;
        Copies = new FileCopies(Path.Combine(scratch, "files"));
        Compression = compression;
    }

    /// <summary>A directory of this session's own, removed with it.</summary>
    public string ScratchDirectory { get; }

    /// <summary>Of the files that its queries become.</summary>
    public FileCompression Compression { get; }

    /// <summary>Of files elsewhere.</summary>
    internal FileCopies Copies { get; }

    /// <param name="cancellationToken">Interrupts whatever statement runs, at any time in the session's life.</param>
    public static DuckDbSession Open(DuckDbSettings settings, CancellationToken cancellationToken)
    {
        var directory = SessionDirectory.Create(settings.TempDirectory);
        var scratch = directory.Path;
        var connection = new DuckDBConnection("DataSource=:memory:");
        var session = new DuckDbSession(connection, settings.TempDirectory, scratch, settings.Compression, cancellationToken);
        try
        {
            session._directory = directory;
            connection.Open();
            session.Execute($"""
                SET TimeZone = 'UTC';
                SET memory_limit = '{settings.MemoryBytesMax >> 10}KiB';
                SET threads = {settings.Threads};
                SET temp_directory = {Sql.Text(Path.Combine(scratch, "spill"))};
                SET preserve_insertion_order = false;
                SET ieee_floating_point_ops = false;
                SET autoinstall_known_extensions = false;
                SET autoload_known_extensions = false;
                """);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Removes what sessions have left that ended without saying so, of this process's user.</summary>
    public static void RemoveLeftovers(string tempDirectory, TimeProvider time) => SessionDirectory.RemoveLeftovers(tempDirectory, time);

    /// <summary>
    /// From now on statements reach these files and directories, what is spilled and <see cref="ScratchDirectory"/>, and
    /// nothing else of the machine; and none can change that, or another setting.
    /// </summary>
    public void Confine(IEnumerable<string> files, IEnumerable<string> directories)
    {
        var open = directories.Append(ScratchDirectory).Select(directory => directory.TrimEnd('/')).ToList();
        // A directory itself is a path too: that is where COPY writes to. A file is asked for as it is written in SQL, too.
        Execute($"""
            SET allowed_paths = [{string.Join(", ", files.SelectMany(file => new[] { file, TableFiles.Literal(file) }).Concat(open).Distinct(StringComparer.Ordinal).Select(Sql.Text))}];
            SET allowed_directories = [{string.Join(", ", open.Select(directory => Sql.Text(directory + "/")))}];
            SET enable_external_access = false;
            SET lock_configuration = true;
            """);
    }

    /// <summary>
    /// Adds a function of a text that gives a text, and null for null. What it throws ends the statement that calls it; a
    /// <see cref="PipelineException"/> is then what the statement throws.
    /// </summary>
    /// <remarks>DuckDB asks for more than rows: where a column comes with a dictionary, for each of its entries, and one of them is null.</remarks>
    public void Register(string name, Func<string, string> function)
    {
        using var use = _gate.Enter();
        _connection.RegisterScalarFunction<string?, string?>(name, text =>
        {
            try
            {
                return text is null ? null : function(text);
            }
            catch (PipelineException e)
            {
                // DuckDB hands on no more than its text.
                Volatile.Write(ref _thrown, e);
                throw;
            }
        });
    }

    public void Execute(string sql)
    {
        using var use = _gate.Enter();
        using var command = Command(sql);
        using var interrupt = new StatementInterrupt(command.Cancel, _ending.Token);
        Run(() => command.ExecuteNonQuery());
    }

    /// <summary>The first column of the first row; null when there is none.</summary>
    public object? Scalar(string sql)
    {
        using var use = _gate.Enter();
        using var command = Command(sql);
        using var interrupt = new StatementInterrupt(command.Cancel, _ending.Token);
        var value = Run(command.ExecuteScalar);
        return value is DBNull ? null : value;
    }

    public long Count(string sql) => Convert.ToInt64(Scalar(sql) ?? 0L, CultureInfo.InvariantCulture);

    /// <summary>All rows of a small result; nulls are null.</summary>
    public IReadOnlyList<object?[]> Rows(string sql)
    {
        using var use = _gate.Enter();
        using var command = Command(sql);
        using var interrupt = new StatementInterrupt(command.Cancel, _ending.Token);
        return Run(() =>
        {
            using var reader = command.ExecuteReader();
            var rows = new List<object?[]>();
            while (reader.Read())
            {
                var row = new object?[reader.FieldCount];
                for (var i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i) ? null : reader.GetValue(i);
                rows.Add(row);
            }

            return rows;
        });
    }

    /// <summary>Whether a statement has ended because of what a row holds: a text that is no number, an overflow, a pattern that is none.</summary>
    public static bool IsOfARow(DuckDBException e) => RowErrors.Any(kind => e.Message.StartsWith(kind, StringComparison.Ordinal));

    public void Dispose()
    {
        EndStatement();
        _gate.End(() =>
        {
            _connection.Dispose();
            _directory?.Dispose();
            _ending.Dispose();
        });
    }

    /// <summary>Of another thread, which has the session for now.</summary>
    private void EndStatement()
    {
        try
        {
            _ending.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The session has ended before.
        }
    }

    private DuckDBCommand Command(string sql)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }

    private T Run<T>(Func<T> statement)
    {
        Volatile.Write(ref _thrown, null);
        try
        {
            return statement();
        }
        // DuckDB.NET makes a cancellation of an interrupt, which is of nobody's token.
        catch (Exception e) when (e is DuckDBException or OperationCanceledException && _cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException("The DuckDB statement was interrupted.", e, _cancellationToken);
        }
        catch (Exception e) when (e is DuckDBException or OperationCanceledException && _ending.IsCancellationRequested)
        {
            throw new ObjectDisposedException("The DuckDB session was ended under a statement.", e);
        }
        catch (DuckDBException) when (Volatile.Read(ref _thrown) is { } thrown)
        {
            throw new PipelineException(thrown.Kind, thrown.Thing, thrown.Cause, thrown.NextStep, thrown);
        }
        catch (DuckDBException e) when (e.Message.StartsWith("Out of Memory Error", StringComparison.Ordinal))
        {
            throw new PipelineException(FaultKind.TooLarge, "DuckDB", $"the query needs more memory than it may use ({e.Message.Split('\n')[0]})",
                "Raise transform.memory-max, or lower transform.threads or transform.jobs-max.", e);
        }
        catch (DuckDBException e) when (e.Message.StartsWith("IO Error", StringComparison.Ordinal) && e.Message.Contains("No files found", StringComparison.Ordinal))
        {
            throw new PipelineException(FaultKind.Damaged, "DuckDB", $"a data file is missing ({DataFaults.Cause(e)})", "Restore it from a backup, or the table to an older version.", e);
        }
        catch (DuckDBException e) when (e.Message.Contains("No space left", StringComparison.OrdinalIgnoreCase))
        {
            // What lies elsewhere is a table's directory: one in a bucket is written through this session's.
            throw e.Message.Contains(ScratchDirectory, StringComparison.Ordinal) || !e.Message.Contains('"', StringComparison.Ordinal) ? Full(_tempDirectory, e)
                : new PipelineException(FaultKind.StorageFull, "DuckDB", $"no space is left on the device ({DataFaults.Cause(e)})", "Free space in the lake.", e);
        }
    }

    /// <summary>The disk of what does not fit into memory is full, or cannot be written: one outage, whatever file shows it.</summary>
    public static PipelineException Full(string tempDirectory, Exception e) => new(FaultKind.StorageFull, $"Temp directory {tempDirectory}",
        DiskErrors.IsReadOnly(e) ? "the file system is read-only" : "no space is left on the disk", "Free space there, or let transform.temp-directory name another disk.", e);
}
