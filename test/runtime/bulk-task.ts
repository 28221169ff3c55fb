/** A task of the bulk pool's tests. The pool calls `runTask`. */
export function runTask(task: { square: number } | { fail: string }): number {
  if ('fail' in task) throw new Error(task.fail);
  return task.square * task.square;
}
