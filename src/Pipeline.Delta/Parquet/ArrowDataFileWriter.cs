using System.Collections.Immutable;
using Apache.Arrow;
using ParquetSharp;
using ParquetSharp.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Writes through the native Arrow writer. Batches are encoded into the open row group at once, so their memory may be
/// reused when <see cref="Write"/> returns; memory is what one row group takes encoded.
/// </summary>
internal sealed class ArrowDataFileWriter : DataFileWriter
{
    private static readonly ImmutableDictionary<string, ColumnEncoding> NoChoice = ImmutableDictionary<string, ColumnEncoding>.Empty;

    private readonly string _path;
    private readonly ImmutableDictionary<string, string?> _partitionValues;
    private readonly DataFileOptions _options;
    private readonly TimeProvider _time;
    private readonly ObjectUpload _upload;
    private readonly FooterStream _output;
    private readonly Schema _schema;
    private readonly BatchMapping _mapping;
    private readonly StatisticsCollector _statistics;
    private readonly HandleGate _gate = new(nameof(ArrowDataFileWriter));
    private FileWriter? _writer;
    private long _rows;
    private long _openBytes;
    private long _closedBytes;

    public ArrowDataFileWriter(string path, Schema schema, ImmutableDictionary<string, string?> partitionValues, DataFileOptions options,
        IndexedColumns indexed, ObjectUpload upload, TimeProvider time)
    {
        _path = path;
        _partitionValues = partitionValues;
        _options = options;
        _time = time;
        _upload = upload;
        _mapping = new BatchMapping(path, schema);
        _statistics = new StatisticsCollector(schema, indexed, options.NoStatistics ?? []);
        _output = new FooterStream(upload.Content, DataFileFooter.SparkVersion);
        _schema = schema;
    }

    public override long Rows => _rows;

    public override long Bytes => _output.BytesWritten + (long)(_openBytes * Ratio);

    /// <summary>Encoded bytes for a byte of Arrow memory, as far as this file shows.</summary>
    private double Ratio => _closedBytes == 0 ? 0.5 : (double)_output.BytesWritten / _closedBytes;

    public override void Write(RecordBatch rows)
    {
        if (rows.Length == 0) return;
        var mapped = _mapping.Map(rows);
        Guard(() =>
        {
            var writer = _writer ??= Open(EncodingChoice.Of(mapped));
            if (_openBytes >= _options.RowGroupBytesMax)
            {
                _closedBytes += _openBytes;
                _openBytes = 0;
            }

            if (_openBytes == 0) writer.NewBufferedRowGroup();
            writer.WriteBufferedRecordBatch(mapped);
        });
        _openBytes += ArrowBytes.Of(mapped);
        _statistics.Add(mapped);
        _rows += rows.Length;
    }

    public override async ValueTask<AddFile> CompleteAsync(CancellationToken cancellationToken)
    {
        Guard(() => _output.Close((_writer ??= Open(NoChoice)).Close));
        var size = await _upload.CompleteAsync(cancellationToken);
        return new AddFile(_path, _partitionValues, size, LogTime.Now(_time), DataChange: true, _statistics.ToJson(), FileChecksum.TagsOf(_output.Checksum));
    }

    public override async ValueTask DisposeAsync()
    {
        // An upload has one end too: two who drop it at once would close its file, or give its buffer back, twice.
        if (!_gate.End(() => _writer?.Dispose())) return;
        await _output.DisposeAsync();
        await _upload.DisposeAsync();
    }

    private FileWriter Open(IReadOnlyDictionary<string, ColumnEncoding> chosen)
    {
        using var properties = WriterSettings.Build(_schema, _options, chosen);
        return new FileWriter(_output, _schema, properties, leaveOpen: true);
    }

    private void Guard(Action write)
    {
        using var use = _gate.Enter();
        try
        {
            write();
        }
        catch (ParquetException e)
        {
            _output.Failure?.Throw();
            throw new PipelineException(FaultKind.Invalid, $"Data file {_path}", $"the rows cannot be written: {ParquetSource.CauseOf(e)}",
                "Check the rows against the table's schema.", e);
        }
    }
}
