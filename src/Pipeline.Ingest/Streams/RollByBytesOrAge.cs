using Akka.Streams;
using Akka.Streams.Stage;
using Pipeline.Core;

namespace Pipeline.Ingest.Streams;

/// <summary>
/// Writes chunks into open data files and closes them by bytes or age, once at the reading's end, and where a split's reading ends for now. Age does not
/// wait for the next chunk.
/// While the stages behind are busy, files grow up to their limit in bytes; then chunks wait.
/// </summary>
/// <remarks>
/// Writing blocks: run it on the writers' dispatcher. Materialises to a task that completes when nothing is written any more.
/// </remarks>
/// <param name="onEnd">Called once, when what the reading's splits held when it began has come this far.</param>
internal sealed class RollByBytesOrAge(Roller roller, IngestOptions options, ReadingEnd end, Action onEnd) : GraphStageWithMaterializedValue<FlowShape<Chunk, ClosingRoll>, Task>
{
    private readonly Inlet<Chunk> _in = new("roll.in");
    private readonly Outlet<ClosingRoll> _out = new("roll.out");

    public override FlowShape<Chunk, ClosingRoll> Shape => new(_in, _out);

    public override ILogicAndMaterializedValue<Task> CreateLogicAndMaterializedValue(Attributes inheritedAttributes)
    {
        var logic = new Logic(this);
        return new LogicAndMaterializedValue<Task>(logic, logic.Ended);
    }

    private sealed class Logic : TimerGraphStageLogic
    {
        private const string RowsAge = "rows";
        private const string PositionsAge = "positions";
        private const string End = "end";

        /// <summary>How often it is looked whether the end is reached, while it was not.</summary>
        private static readonly TimeSpan LookForEndEvery = TimeSpan.FromMilliseconds(100);

        private readonly RollByBytesOrAge _stage;
        private readonly FileAge _age;
        private readonly Action<Task> _onWritten;
        private readonly CancellationTokenSource _stopped = new();
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Task _write = Task.CompletedTask;
        private bool _isWriting;
        private bool _areRowsDue;
        private bool _arePositionsDue;
        private bool _isEndDue;
        private (SplitId Split, long To)? _advanced;

        public Logic(RollByBytesOrAge stage) : base(stage.Shape)
        {
            _stage = stage;
            _age = new FileAge(stage.Options.FileAgeMax);
            _onWritten = GetAsyncCallback<Task>(OnWritten);
            SetHandler(stage._in, onPush: OnPush, onUpstreamFinish: Next);
            SetHandler(stage._out, onPull: Next);
        }

        public Task Ended => _ended.Task;

        private Roller Roller => _stage.Roller;

        public override void PreStart()
        {
            LookForEnd();
            Pull(_stage._in);
        }

        public override void PostStop()
        {
            _stopped.Cancel();
            _stopped.Dispose();
            _ = _write.ContinueWith(_ => _ended.TrySetResult(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        protected override void OnTimer(object timerKey)
        {
            if (Equals(timerKey, RowsAge)) _areRowsDue = true;
            else if (Equals(timerKey, PositionsAge)) _arePositionsDue = true;
            else if (!_isWriting && _stage.End.Meet()) OnEnd();
            else LookForEnd();
            Next();
        }

        private void OnEnd()
        {
            CloseAtEnd();
            _stage.TellEnd();
        }

        /// <summary>Nothing comes that would be worth waiting for.</summary>
        private void CloseAtEnd()
        {
            if (Roller.HasProgress) _arePositionsDue = _isEndDue = true;
        }

        private void OnPush()
        {
            var chunk = Grab(_stage._in);
            if (chunk.Range.IsAdvancing) _advanced = (chunk.Split, chunk.Range.To);
            var written = Roller.AddAsync(chunk, _stopped.Token);
            if (written.IsCompletedSuccessfully)
            {
                AfterWrite();
                return;
            }

            _isWriting = true;
            _write = written.AsTask();
            _ = _write.ContinueWith(_onWritten, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        private void OnWritten(Task written)
        {
            _isWriting = false;
            if (Background.FailureOf(written) is { } failure) FailStage(failure);
            else AfterWrite();
        }

        private void AfterWrite()
        {
            if (_advanced is var (split, to) && _stage.End.Reach(split, to)) CloseAtEnd();
            _advanced = null;
            LookForEnd();
            if (Roller.HasRows && !_areRowsDue && !IsTimerActive(RowsAge)) ScheduleOnce(RowsAge, _age.Current);
            if (Roller.HasProgress && !_arePositionsDue && !IsTimerActive(PositionsAge)) ScheduleOnce(PositionsAge, _stage.Options.PositionAgeMax);
            Next();
        }

        private void LookForEnd()
        {
            if (!_isWriting && !_stage.End.IsMet && !IsTimerActive(End)) ScheduleOnce(End, LookForEndEvery);
        }

        /// <summary>Closes what is due when somebody takes it, and reads on unless the files are full.</summary>
        private void Next()
        {
            if (_isWriting) return;

            var isEnd = IsClosed(_stage._in);
            if (IsAvailable(_stage._out))
            {
                if ((Roller.HasRows && (_areRowsDue || Roller.IsFull)) || (Roller.HasProgress && (_arePositionsDue || isEnd))) PushRoll(withIdle: _arePositionsDue || isEnd, isEnd || _isEndDue);
                else if (isEnd) CompleteStage();
            }
            else if (isEnd && !Roller.HasProgress)
            {
                CompleteStage();
            }

            if (!isEnd && !Roller.IsFull && !HasBeenPulled(_stage._in)) Pull(_stage._in);
        }

        private void PushRoll(bool withIdle, bool isEnd)
        {
            CancelTimer(RowsAge);
            _areRowsDue = false;
            if (Roller.HasRows) _age.Closed();
            if (withIdle)
            {
                CancelTimer(PositionsAge);
                _arePositionsDue = false;
            }

            _isEndDue = false;
            Push(_stage._out, Roller.Close(withIdle) with { IsEnd = isEnd });
            if (!withIdle && !Roller.HasProgress) CancelTimer(PositionsAge);
        }
    }

    private Roller Roller => roller;

    private IngestOptions Options => options;

    private ReadingEnd End => end;

    private Action TellEnd => onEnd;
}
