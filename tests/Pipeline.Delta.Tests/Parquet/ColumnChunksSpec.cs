using System.Buffers.Binary;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>What a footer says of where columns lie, written byte by byte in Thrift's compact protocol.</summary>
public sealed class ColumnChunksSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_chunk_has_its_column_and_its_place() =>
        Assert.Equal([new ColumnChunk("key", 4, 8)], await ReadAsync("491C191C3C 39 18036B6579 4608 2608 00000000"));

    [Theory]
    [InlineData("491C191C3C 39 08 4608 2608 00000000", "no path")]
    [InlineData("491C191C3C 39 F8FFFFFFFF07 00000000", "a path of more parts than there are bytes")]
    [InlineData("491C191C3C 39 F8FFFFFFFF0F 00000000", "a path of less than no parts")]
    [InlineData("491C191C3C 39 18FFFFFFFF0F 00000000", "a part of less than no bytes")]
    [InlineData("49FCFFFFFFFF07", "more row groups than there are bytes")]
    [InlineData("491C191C3C 39 18036B6579 46FE01 2608 00000000", "a place behind the file's end")]
    [InlineData("491C19", "its end in the middle")]
    public async Task A_footer_that_is_none_says_nothing(string footer, string why) => Assert.True(await ReadAsync(footer) is null, why);

    /// <param name="footer">In hexadecimal digits.</param>
    private async Task<IReadOnlyList<ColumnChunk>?> ReadAsync(string footer)
    {
        var bytes = Convert.FromHexString(footer.Replace(" ", "", StringComparison.Ordinal));
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        byte[] file = [.. "PAR1"u8, .. "data"u8, .. bytes, .. length, .. "PAR1"u8];
        await _scratch.Store().PutAsync("file.parquet", file, Cancel);
        return await ColumnChunks.OfAsync(_scratch.Store(), "file.parquet", file.Length, Cancel);
    }
}
