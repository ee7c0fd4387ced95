using System.Collections.Immutable;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>Opens a table or makes a snapshot, and says what memory that took.</summary>
internal static class OpeningProcess
{
    public static string[] Arguments(string root) => ["open", root];

    public static async Task<int> RunAsync(string[] args)
    {
        var table = await DeltaTable.TryOpenAsync(new LocalObjectStore(args[0]), "t", TimeProvider.System, CancellationToken.None);
        var files = table!.Current.FilesByPath.Count;
        var rows = table.Current.RowCount;
        var peak = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        Console.WriteLine($"{files} {rows} {long.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])} {GC.GetTotalMemory(forceFullCollection: true)}");
        GC.KeepAlive(table);
        return 0;
    }

    public static string[] IndexArguments(int files) => ["index", $"{files}"];

    /// <summary>Writes the bytes on the heap that a snapshot of so many files takes.</summary>
    public static Task<int> RunIndexAsync(string[] args)
    {
        const int FilesInCommit = 1000;
        var files = int.Parse(args[0]);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var builder = new SnapshotBuilder("t");
        builder.ApplyCommit(0, DateTimeOffset.UnixEpoch,
            [ProtocolSupport.Own, new MetadataAction("t", SchemaJson.Write(TestTables.KeyAndText), [], TestTables.NoConfiguration)]);
        for (var start = 0; start < files; start += FilesInCommit)
            builder.ApplyCommit(1, DateTimeOffset.UnixEpoch, [.. Enumerable.Range(start, FilesInCommit).Select(MadeUpFile)]);
        var snapshot = builder.Build();
        Console.WriteLine(GC.GetTotalMemory(forceFullCollection: true) - before);
        return Task.FromResult(snapshot.FilesByPath.Count == files ? 0 : 1);
    }

    /// <summary>Names and statistics of a real table's: eight columns, a day's partition.</summary>
    public static AddFile MadeUpFile(int number)
    {
        var day = $"2026-{1 + (number % 12):D2}-{1 + (number % 28):D2}";
        var id = new Guid(number, 7, 11, 1, 2, 3, 4, 5, 6, (byte)number, (byte)(number >> 8));
        var stats = $$$"""{"numRecords":10,"minValues":{"order_id":{{{number * 10L}}},"customer_id":{{{number % 9973}}},"email":"customer{{{number}}}@example.com","order_date":"{{{day}}}T00:00:00.000Z","total_amount":{{{number % 1000}}}.25,"status":"cancelled","_position":{{{number * 1000L}}},"_ingested_at":"{{{day}}}T11:12:13.456Z"},"maxValues":{"order_id":{{{(number * 10L) + 9}}},"customer_id":{{{(number % 9973) + 50}}},"email":"zcustomer{{{number}}}@example.com","order_date":"{{{day}}}T23:59:59.999Z","total_amount":{{{(number % 1000) + 999}}}.75,"status":"shipped","_position":{{{(number * 1000L) + 999}}},"_ingested_at":"{{{day}}}T11:12:14.567Z"},"nullCount":{"order_id":0,"customer_id":0,"email":3,"order_date":0,"total_amount":0,"status":0,"_position":0,"_ingested_at":0}}""";
        return new AddFile($"ingest_date={day}/part-00000-{id}.c000.snappy.parquet", ImmutableDictionary<string, string?>.Empty.Add("_ingest_date", day),
            100_000 + number, DateTimeOffset.FromUnixTimeSeconds(1_700_000_000 + number), DataChange: true, stats);
    }
}
