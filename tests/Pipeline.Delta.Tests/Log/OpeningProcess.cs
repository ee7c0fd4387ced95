using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>Opens a table, and says how large the process became.</summary>
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
}
