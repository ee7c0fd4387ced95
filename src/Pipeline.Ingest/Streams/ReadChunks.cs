using Akka.Streams;
using Akka.Streams.Stage;
using Pipeline.Core;
using Pipeline.Core.Buffers;

namespace Pipeline.Ingest.Streams;

/// <summary>
/// A source's chunks as a stream: one is asked for at a time, and only when there is demand and room in the buffer budget.
/// Materialises to a <see cref="Reading"/>.
/// </summary>
/// <param name="before">Done before it is opened; null: nothing is.</param>
internal sealed class ReadChunks(Func<CancellationToken, IAsyncEnumerable<Chunk>> open, ByteShare share, Func<CancellationToken, ValueTask>? before = null)
    : GraphStageWithMaterializedValue<SourceShape<Chunk>, Reading>
{
    private readonly Outlet<Chunk> _out = new("chunks.out");

    public override SourceShape<Chunk> Shape => new(_out);

    public override ILogicAndMaterializedValue<Reading> CreateLogicAndMaterializedValue(Attributes inheritedAttributes)
    {
        var logic = new Logic(this);
        return new LogicAndMaterializedValue<Reading>(logic, logic.Reading);
    }

    private sealed class Logic : OutGraphStageLogic
    {
        private readonly ReadChunks _stage;
        private readonly CancellationTokenSource _cancel = new();
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Action<Task<Chunk?>> _onRead;
        private IAsyncEnumerator<Chunk>? _chunks;
        private Task<Chunk?>? _read;
        private bool _isStopping;

        public Logic(ReadChunks stage) : base(stage.Shape)
        {
            _stage = stage;
            _onRead = GetAsyncCallback<Task<Chunk?>>(OnRead);
            Reading = new Reading(GetAsyncCallback(Stop), _closed.Task);
            SetHandler(stage._out, this);
        }

        public Reading Reading { get; }

        public override void OnPull()
        {
            // Opening may connect: not on the stream's thread.
            _read = _chunks is null ? Task.Run(ReadAsync) : ReadAsync();
            if (_read.IsCompleted) OnRead(_read);
            else _ = _read.ContinueWith(_onRead, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        public override void PostStop() => Background.Start(_ => CloseAsync(), OnClosed, _cancel.Token);

        private async Task<Chunk?> ReadAsync()
        {
            if (_chunks is null && _stage.Before is { } before) await before(_cancel.Token);
            _chunks ??= _stage.Open(_cancel.Token).GetAsyncEnumerator(_cancel.Token);
            if (!await _chunks.MoveNextAsync()) return null;
            await _stage.Share.AcquireAsync(_chunks.Current.Bytes);
            KillPoint.Reach(KillPoint.AfterFetch);
            return _chunks.Current;
        }

        private void OnRead(Task<Chunk?> read)
        {
            if (_isStopping || (read.IsCanceled && _cancel.IsCancellationRequested))
            {
                if (read is { IsCompletedSuccessfully: true, Result: { } unread }) Discard(unread);
                CompleteStage();
            }
            else if (!read.IsCompletedSuccessfully)
            {
                FailStage(Background.FailureOf(read)!);
            }
            else if (read.Result is { } chunk)
            {
                Push(_stage._out, chunk);
            }
            else
            {
                CompleteStage();
            }
        }

        private void Stop()
        {
            _isStopping = true;
            _cancel.Cancel();
            // A read under way ends by itself and completes the stage then.
            if (_read is null or { IsCompleted: true }) CompleteStage();
        }

        private void Discard(Chunk chunk)
        {
            _stage.Share.Release(chunk.Bytes);
            chunk.Dispose();
        }

        /// <summary>An enumerator may be disposed only when its last step has ended.</summary>
        private async ValueTask CloseAsync()
        {
            await _cancel.CancelAsync();
            if (_read is not null) await ((Task)_read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_chunks is not null) await _chunks.DisposeAsync();
        }

        private void OnClosed(Exception? failure)
        {
            _cancel.Dispose();
            if (failure is null) _closed.TrySetResult();
            else _closed.TrySetException(failure);
        }
    }

    private IAsyncEnumerable<Chunk> Open(CancellationToken cancellationToken) => open(cancellationToken);

    private ByteShare Share => share;

    private Func<CancellationToken, ValueTask>? Before => before;
}

/// <summary>A running read.</summary>
/// <param name="Stop">Reads no further: the stream completes with what has been read.</param>
/// <param name="Closed">Completes when the source has let go of everything.</param>
internal sealed record Reading(Action Stop, Task Closed);
