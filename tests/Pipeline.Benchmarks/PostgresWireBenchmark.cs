using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// COPY by our own connection beside Npgsql's raw binary copy, in turns: the tables of <see cref="PostgresReadBenchmark"/>, over
/// TLS, every field of every row found and thrown away. What is compared is what a library would save us from writing.
/// </summary>
public sealed class PostgresWireBenchmark : IBenchmark
{
    private const int Rounds = 9;

    public string Name => "postgres-wire";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("pipeline-bench-");
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), cancellationToken);
        var verdicts = new List<Verdict>();
        foreach (var table in PostgresReadBenchmark.TablesToRead)
        {
            await PostgresReadBenchmark.FillAsync(server, table.Name, table.Columns, table.Select, table.Rows, cancellationToken);
            var sql = $"copy {table.Name} to stdout (format binary)";
            var alternation = new Alternation("rows", table.Rows, "Npgsql", "own connection");
            for (var round = 0; round <= Rounds; round++)
            {
                await alternation.RoundAsync(
                    () => Usage.OfAsync(() => ByNpgsqlAsync(server, sql, table.Rows, cancellationToken)),
                    () => Usage.OfAsync(() => ByOwnConnectionAsync(server, sql, table.Rows, cancellationToken)));
            }

            await output.WriteLineAsync($"{table.Name}:");
            await alternation.PrintAsync(output);
            verdicts.Add(Goal.AtLeast($"{Name}-{table.Name}-cpu", 1.00).Judge(alternation.Processor("own connection").Median));
        }

        return verdicts;
    }

    private static async Task<TimeSpan> ByNpgsqlAsync(ScratchPostgres server, string sql, int rows, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        var started = Stopwatch.GetTimestamp();
        await using var copy = await connection.BeginRawBinaryCopyAsync(sql, cancellationToken);
        if (await Task.Run(() => RowsOf(copy), cancellationToken) is var read && read != rows) throw new InvalidOperationException($"Npgsql read {read} rows of {rows}.");
        return Stopwatch.GetElapsedTime(started);
    }

    private static async Task<TimeSpan> ByOwnConnectionAsync(ScratchPostgres server, string sql, int rows, CancellationToken cancellationToken)
    {
        var options = new PostgresSourceOptions
        {
            Name = "bench",
            Host = server.Host,
            Port = server.Port,
            Database = server.Database,
            Security = new PostgresSecurityOptions { Username = server.User, Password = new Secret(server.Password), CaFile = server.CaFile },
        };
        using var connection = await WireConnection.OpenAsync(options, server.Password, ImmutableDictionary<string, string>.Empty, new KnownCertificates(), cancellationToken);
        var started = Stopwatch.GetTimestamp();
        var read = await Task.Run(
            () =>
            {
                var copy = new CopyRows(connection, sql, FieldsOf(sql));
                var count = 0;
                for (; copy.TryRead(out var fields); count++)
                    while (!fields.IsEmpty) fields = fields[(sizeof(int) + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(fields)))..];
                return count;
            }, cancellationToken);
        if (read != rows) throw new InvalidOperationException($"The own connection read {read} rows of {rows}.");
        return Stopwatch.GetElapsedTime(started);
    }

    private static int FieldsOf(string sql) => sql.Contains("narrow", StringComparison.Ordinal) ? 5 : 41;

    /// <summary>The stream has no messages any more: rows are found by their fields' lengths.</summary>
    private static int RowsOf(Stream copy)
    {
        const int HeaderBytes = 19;
        var buffer = new byte[256 << 10];
        var (start, end, rows) = (0, 0, 0);
        Require(HeaderBytes);
        start += HeaderBytes;
        while (true)
        {
            Require(sizeof(short));
            var fields = BinaryPrimitives.ReadInt16BigEndian(buffer.AsSpan(start));
            start += sizeof(short);
            if (fields < 0) return rows;
            for (; fields > 0; fields--)
            {
                Require(sizeof(int));
                var length = Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(start)));
                start += sizeof(int);
                Require(length);
                start += length;
            }

            rows++;
        }

        void Require(int bytes)
        {
            if (end - start >= bytes) return;
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            while (end < bytes) end += copy.Read(buffer.AsSpan(end)) is var read and > 0 ? read : throw new EndOfStreamException();
        }
    }
}
