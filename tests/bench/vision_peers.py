"""The work of `skueye-bench vision` as one would write it with OpenCV and ONNX Runtime, on one thread.

skueye-bench starts it in a folder with the frames and the model. For each line with a number of seconds it measures
every stage for so long and answers with one line of JSON: the milliseconds of each call, by stage.
"""

import json
import sys
import time

import cv2
import numpy as np
import onnxruntime

WIDTH, HEIGHT = 1280, 720

cv2.setNumThreads(1)
spec = json.load(open("preprocess.json"))
size = spec["size"]
mean, std = (np.array(spec[key], np.float32) for key in ("mean", "std"))
yuyv = np.fromfile("frame.yuyv", np.uint8).reshape(HEIGHT, WIDTH, 2)
nv12 = np.fromfile("frame.nv12", np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
jpeg = np.fromfile("frame.jpg", np.uint8)

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession("model.onnx", options, ["CPUExecutionProvider"])
name = session.get_inputs()[0].name


def tensor(rgb):
    # INTER_AREA is OpenCV's resize that antialiases.
    small = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(((small - mean) / std).transpose(2, 0, 1)[None])


def embed(values):
    out = session.run(None, {name: values})[0][0]
    return out / np.linalg.norm(out)


picture = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
ready = tensor(picture)
STAGES = {
    "opencv_yuyv_to_tensor": lambda: tensor(cv2.cvtColor(yuyv, cv2.COLOR_YUV2RGB_YUYV)),
    "opencv_nv12_to_tensor": lambda: tensor(cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12)),
    "opencv_mjpeg_decode": lambda: cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB),
    "opencv_rgb_to_tensor": lambda: tensor(picture),
    "python_embed_onnxruntime": lambda: embed(ready),
}

for line in sys.stdin:
    answer = {}
    for stage, work in STAGES.items():
        millis, end = [], time.perf_counter() + float(line)
        while len(millis) < 3 or time.perf_counter() < end:
            start = time.perf_counter_ns()
            work()
            millis.append((time.perf_counter_ns() - start) / 1e6)
        answer[stage] = millis
    print(json.dumps(answer), flush=True)
