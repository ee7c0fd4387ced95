using Apache.Arrow;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>How files are compressed, by layer, source and table, and at which level.</summary>
public sealed class FileCompressionsSpec : IDisposable
{
    private static readonly TableId[] Known = [TableId.Bronze("crm", "orders"), TableId.Bronze("app", "users"), TableId.Silver("users"), TableId.Gold("daily")];

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("bronze/crm/orders", "zstd-3")]
    [InlineData("bronze/crm/other", "zstd-2")]
    [InlineData("bronze/app/users", "zstd-1")]
    [InlineData("silver/users", "zstd-4")]
    [InlineData("silver/users__quarantine", "zstd-4")]
    [InlineData("silver/users__rebuild__deleted", "zstd-4")]
    [InlineData("silver/others", "snappy")]
    [InlineData("gold/daily", "zstd")]
    public void The_longest_name_that_a_table_has_counts(string table, string expected)
    {
        var (said, problems) = Bind("""bronze = zstd-1, "bronze/crm" = zstd-2, "bronze/crm/orders" = zstd-3, "silver/users" = zstd-4, gold = zstd""");

        Assert.Empty(problems);
        Assert.Equal(expected, said.Of(TableId.Parse(table), Codec.Snappy).ToString());
    }

    [Theory]
    [InlineData("gold = gzip", "gold", "'gzip' is no compression of data files. Write snappy, zstd, or zstd-1 to zstd-22")]
    [InlineData("gold = zstd-0", "gold", "'zstd-0' is no compression")]
    [InlineData("golden = zstd", "golden", "is neither a layer nor a source or table of this pipeline")]
    [InlineData("\"silver/user\" = zstd", "silver/user", "Did you mean 'silver/users'?")]
    [InlineData("\"bronze/cr\" = zstd", "bronze/cr", "is neither a layer nor a source or table of this pipeline")]
    public void What_is_wrong_is_told_with_its_place(string text, string key, string message)
    {
        var problem = Assert.Single(Bind(text).Problems);

        Assert.Equal(key, problem.Path);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_higher_the_level_the_smaller_the_file()
    {
        var (low, high, snappy) = (await BytesAsync(new FileCompression(Codec.Zstd, 1)), await BytesAsync(new FileCompression(Codec.Zstd, 19)), await BytesAsync(Codec.Snappy));

        Assert.True(high < low && low < snappy, $"{high}, {low} and {snappy} bytes");
    }

    private async Task<long> BytesAsync(FileCompression compression)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), compression.ToString(), TestTables.KeyAndText, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(Compression: compression, NoDictionary: ["text"]), Cancel);
        var (random, keys, texts) = (new Random(7), new Int64Array.Builder(), new StringArray.Builder());
        string[] words = [.. Enumerable.Range(0, 400).Select(_ => Convert.ToHexString(BitConverter.GetBytes(random.NextInt64())))];
        for (var row = 0; row < 20_000; row++)
        {
            keys.Append(row);
            texts.Append($"{words[random.Next(words.Length)]} {words[random.Next(words.Length)]} {words[random.Next(words.Length)]}");
        }

        using var batch = new RecordBatch(TestTables.KeyAndText, [keys.Build(), texts.Build()], 20_000);
        writer.Write(batch);
        var file = await writer.CompleteAsync(Cancel);
        Assert.EndsWith($".c000.{compression.Codec.Name()}.parquet", file.Path, StringComparison.Ordinal);
        return file.Size;
    }

    private static (FileCompressions Said, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        return (FileCompressions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems), Known), problems);
    }
}
