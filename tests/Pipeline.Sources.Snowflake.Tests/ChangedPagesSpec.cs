using System.IO.Compression;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>A page of one table's result is changed by chance on its way to a source that has another table beside it.</summary>
public sealed class ChangedPagesSpec
{
    private const int Rows = 120;

    [Fact]
    public async Task A_changed_page_is_rows_and_dead_letters_or_is_asked_for_again_and_no_row_is_passed_over()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        await using var table = await EmulatedTable.StartAsync(deadline.Token, new SnowflakeServerOptions { PartitionBytes = 3 << 10 });
        table.Server.Database.Execute("CREATE TABLE STEADY (NUMBER NUMBER(12,0) NOT NULL, UPDATED_AT TIMESTAMP_LTZ NOT NULL, PRIMARY KEY (NUMBER))");
        table.Server.Database.Execute("INSERT INTO STEADY VALUES (0, TIMESTAMPTZ '2026-01-01 00:00:00+00'), (1, TIMESTAMPTZ '2026-01-01 00:00:01+00')");
        await table.AppendAsync(Rows, deadline.Token);
        await using var proxy = await FaultProxy.StartAsync(table.Server.Url, deadline.Token);
        await using var source = table.Open(table.Options with { AccountUrl = proxy.Url, Tables = [.. table.Options.Tables, new SnowflakeTableOptions("steady", "STEADY", "UPDATED_AT", ["NUMBER"])] });
        var pages = new List<byte[]>();
        proxy.Use(request => IsSecondPage(request) ? new ProxyFault.Change(body =>
        {
            pages.Add(Plain(body));
            return body;
        }) : null);
        var clean = await ReadAsync(source, "orders", from: null, Rows, deadline.Token);
        Assert.Equal(Reading.Numbers(Rows), clean.Numbers);
        var page = Assert.Single(pages);
        var ofPage = Numbers(page);
        var changed = new List<byte[]>();
        // Most are made of this page, and some of others' answers.
        await new Fuzz([.. Enumerable.Repeat(page, 8)], test: nameof(DecoderFuzzSpec.Rows)).RunAsync(changed.Add, _ => false, Fuzz.ReadingsOr(60));

        var (faults, letters) = (0, 0);
        foreach (var input in changed)
        {
            proxy.Inject(new ProxyFault.Change(body => IsCompressed(body) ? Compressed(input) : input), IsSecondPage);
            var read = await ReadAsync(source, "orders", from: null, Rows, deadline.Token);
            proxy.Use(_ => null);

            Assert.All(read.Letters, letter => Assert.Equal("orders", letter));
            letters += read.Letters.Count;
            if (read.Fault is null)
            {
                Assert.Equal(Rows, read.Numbers.Count + read.Letters.Count);
                Assert.Empty(Reading.Numbers(Rows).Except(read.Numbers).Except(ofPage));
                continue;
            }

            Assert.True(read.Fault.Kind is FaultKind.Unreachable or FaultKind.Invalid, read.Fault.Message);
            Assert.Equal(Reading.Numbers(read.Numbers.Count), read.Numbers);
            if (faults++ % 10 != 0) continue;
            Assert.Equal([0L, 1L], (await ReadAsync(source, "steady", from: null, 2, deadline.Token)).Numbers);
            var rest = await ReadAsync(source, "orders", read.Position, Rows - read.Numbers.Count, deadline.Token);
            Assert.Equal(Reading.Numbers(Rows), read.Numbers.Concat(rest.Numbers));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{faults} of {changed.Count} changed pages were refused, {letters} rows of the others are dead letters");
        Assert.InRange(faults, changed.Count / 4, changed.Count);
    }

    private static bool IsSecondPage(ProxiedRequest request) => request.Target.Contains("partition=1", StringComparison.Ordinal);

    private static List<long> Numbers(byte[] page)
    {
        using var document = System.Text.Json.JsonDocument.Parse(page);
        return [.. document.RootElement.GetProperty("data").EnumerateArray().Select(row => long.Parse(row[0].GetString()!))];
    }

    /// <summary>Rows that would be durable, and tables of dead letters, until so many have come or the reading fails.</summary>
    private static async Task<(List<long> Numbers, List<string> Letters, long? Position, PipelineException? Fault)> ReadAsync(ISource source, string table, long? from, int records, CancellationToken cancellationToken)
    {
        var (numbers, letters, pendingNumbers, pendingLetters, position) = (new List<long>(), new List<string>(), new List<long>(), new List<string>(), from);
        try
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(new SplitId(source.Name, table), from)], cancellationToken))
            {
                using (chunk)
                {
                    if (chunk.Rows is { } rows) pendingNumbers.AddRange(((Int64Array)rows.Column("number")).Select(number => number ?? -1));
                    if (chunk.DeadLetters is { } bad) pendingLetters.AddRange(Enumerable.Range(0, bad.Length).Select(row => ((StringArray)bad.Column(0)).GetString(row)));
                    if (!chunk.Range.IsAdvancing) continue;
                    numbers.AddRange(pendingNumbers);
                    letters.AddRange(pendingLetters);
                    pendingNumbers.Clear();
                    pendingLetters.Clear();
                    position = chunk.Range.To;
                    if (numbers.Count + letters.Count >= records) break;
                }
            }
        }
        catch (PipelineException e)
        {
            return (numbers, letters, position, e);
        }

        return (numbers, letters, position, null);
    }

    private static bool IsCompressed(byte[] body) => body is [0x1F, 0x8B, ..];

    private static byte[] Plain(byte[] body)
    {
        if (!IsCompressed(body)) return body;
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(body), CompressionMode.Decompress)) gzip.CopyTo(plain);
        return plain.ToArray();
    }

    private static byte[] Compressed(byte[] body)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(body);
        return compressed.ToArray();
    }
}
